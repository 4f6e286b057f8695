import { setTimeout as sleep } from 'node:timers/promises'
import { acquireLease, type Lease, type LeaseOptions, type NatsLink } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'

const AFTER_FAILURE_MS = 500

/** Stands by until it leads, leads until the lease is lost, and stands by again; ends with `signal`. */
export async function campaign<T>(
  link: NatsLink,
  options: LeaseOptions<T>,
  lead: (lease: Lease<T>) => Promise<AsyncDisposable>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const acquired = await acquireLease(link, options, signal)
    if (!acquired) return
    await using lease = acquired
    try {
      await using _leading = await lead(lease)
      await aborted(AbortSignal.any([lease.lost, signal]))
    } catch (error) {
      if (signal.aborted) return
      log.error({ err: error }, 'cannot lead, standing by')
      await sleep(AFTER_FAILURE_MS, undefined, { signal }).catch(() => {})
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
