import type { Throttle } from '@fluxgate/contracts'
import { type Bucket, type NatsLink, watchBucket } from '@fluxgate/nats'

const LOOK_EVERY_MS = 200
/** Throttles ended in one go, at the most; the rest has its turn at the next look. */
const MAX_AT_ONCE = 64

interface ActiveThrottle {
  readonly throttle: Throttle
  readonly revision: number
}

/**
 * Calls `expire` for each throttle whose time is over, whoever imposed it, until the bucket no longer holds it. A
 * failure is told and tried again at the next look.
 */
export async function startExpiryClock(
  link: NatsLink,
  bucket: Bucket<Throttle>,
  nowMs: () => number,
  expire: (key: string, throttle: Throttle, revision: number) => Promise<void>,
): Promise<AsyncDisposable> {
  const held = new Map<string, ActiveThrottle>()
  let earliestMs = Number.POSITIVE_INFINITY
  let looking: Promise<void> | undefined
  const watch = await watchBucket(link, bucket, {
    onChange(key, throttle, revision) {
      if (throttle === undefined) {
        held.delete(key)
        return
      }
      held.set(key, { throttle, revision })
      earliestMs = Math.min(earliestMs, throttle.until)
    },
  })

  async function look(): Promise<void> {
    const now = nowMs()
    const due = [...held].filter(([, { throttle }]) => throttle.until <= now).slice(0, MAX_AT_ONCE)
    await Promise.all(
      due.map(([key, { throttle, revision }]) =>
        expire(key, throttle, revision).catch(error =>
          link.log.warn({ err: error, key }, 'throttle not ended, trying again'),
        ),
      ),
    )
    earliestMs = Number.POSITIVE_INFINITY
    for (const { throttle } of held.values()) earliestMs = Math.min(earliestMs, throttle.until)
  }

  const timer = setInterval(() => {
    if (looking || nowMs() < earliestMs) return
    looking = look().finally(() => {
      looking = undefined
    })
  }, LOOK_EVERY_MS)

  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await looking
      await watch[Symbol.asyncDispose]()
    },
  }
}
