import type { Throttle } from '@fluxgate/contracts'
import type { Bucket, NatsLink } from '@fluxgate/nats'

const SWEEP_EVERY_MS = 10 * 60_000
/**
 * Until then a deletion tells that a throttle was lifted: gateways have long heard of it, and a leader that old would
 * find its throttle's time over.
 */
const RETAINED_MS = 24 * 3_600_000
/** Markers removed in one sweep, at the most. */
const MAX_PER_SWEEP = 1_000

/** Removes what ended throttles leave in their bucket, which would else hold every identity that ever had one. */
export function startMarkerSweep(
  link: NatsLink,
  bucket: Bucket<Throttle>,
  nowMs: () => number,
): AsyncDisposable {
  const stop = new AbortController()
  let sweeping: Promise<void> | undefined
  const sweep = async () => {
    try {
      const purged = await bucket.purgeDeleted(nowMs() - RETAINED_MS, MAX_PER_SWEEP, stop.signal)
      if (purged > 0) link.log.info({ purged }, 'markers of ended throttles removed')
    } catch (error) {
      link.log.warn({ err: error }, 'markers of ended throttles not removed, trying again later')
    } finally {
      sweeping = undefined
    }
  }
  const begin = () => {
    sweeping ??= sweep()
  }
  const timer = setInterval(begin, SWEEP_EVERY_MS)
  begin()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      stop.abort()
      await sweeping
    },
  }
}
