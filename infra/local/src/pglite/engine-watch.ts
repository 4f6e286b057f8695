import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface EngineLimits {
  /** A turn of a user other than the superuser ends after this, with the process. */
  readonly maxTurnMs: number
  /** What the process may grow by during such a turn, in bytes of resident memory. */
  readonly maxGrowthBytes: number
}

/** Names the turns that are bounded. */
export interface EngineWatch extends AsyncDisposable {
  begin(): void
  end(): void
}

const POLL_MS = 20

/**
 * A thread beside the engine, which nothing can interrupt while it computes: it kills the process when a turn takes too
 * long or too much memory. The supervisor starts it again; since a turn is alone in the engine and these write nothing,
 * no transaction of anybody else is lost.
 */
export async function startEngineWatch(limits: EngineLimits): Promise<EngineWatch> {
  // [0]: number of the turn, odd while it runs.
  const turns = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const worker = new Worker(new URL('./engine-watch-main.ts', import.meta.url), {
    workerData: { turns, pollMs: POLL_MS, ...limits },
  })
  await once(worker, 'online')
  worker.unref()
  return {
    begin: () => {
      Atomics.add(turns, 0, 1)
    },
    end: () => {
      Atomics.add(turns, 0, 1)
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate()
    },
  }
}
