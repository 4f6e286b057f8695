import { type Bucket, type NatsLink, type Watch, watchBucket } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'

export interface BucketWatch<T> extends AsyncDisposable {
  /** Empty until the bucket is there. */
  entries(): ReadonlyMap<string, T>
  isThere(): boolean
}

export interface BucketWatchOptions<T> {
  readonly onChange?: (key: string, value: T | undefined) => void
  readonly reconcileMs?: number
}

const RETRY_MS = 1_000

/** Watches a bucket, waiting for it where the others have not made it yet: the dashboard may be the first to be up. */
export function watchWhenThere<T>(
  link: NatsLink,
  bucket: Bucket<T>,
  options: BucketWatchOptions<T>,
  log: Log,
): BucketWatch<T> {
  const stop = new AbortController()
  let watch: Watch<T> | undefined
  const beginning = (async () => {
    while (!stop.signal.aborted) {
      try {
        watch = await watchBucket(link, bucket, options)
        return
      } catch (error) {
        log.warn({ err: error, bucket: bucket.name }, 'the bucket cannot be watched yet')
        await paused(RETRY_MS, stop.signal)
      }
    }
  })()
  return {
    entries: () => watch?.entries ?? new Map(),
    isThere: () => watch !== undefined,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await beginning
      await watch?.[Symbol.asyncDispose]()
    },
  }
}

function paused(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
