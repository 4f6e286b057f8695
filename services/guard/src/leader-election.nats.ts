import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsLink } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'
import { acquireLease, type Lease, type LeaseOptions } from './lease.nats.ts'

const AFTER_FAILURE_MS = 500

export interface Candidate<T, Standby extends AsyncDisposable> {
  /** Prepares for the lead while another has it. */
  waitForLead(signal: AbortSignal): Promise<Standby>
  /** @param standby absent when the lead came before it was ready */
  lead(lease: Lease<T>, standby: Standby | undefined): Promise<AsyncDisposable>
}

/** Follows as a standby until it leads, leads until the lease is lost, then follows again; ends with `signal`. */
export async function runLeaderElection<T, Standby extends AsyncDisposable>(
  link: NatsLink,
  options: LeaseOptions<T>,
  candidate: Candidate<T, Standby>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await using stack = new AsyncDisposableStack()
    const late = new AbortController()
    const standing = prepare(candidate, log, AbortSignal.any([signal, late.signal]))
    stack.defer(async () => {
      late.abort()
      await (await standing.done)?.[Symbol.asyncDispose]()
    })
    const acquired = await acquireLease(link, options, signal)
    if (!acquired) return
    const lease = stack.use(acquired)
    const standby = standing.ready()
    if (!standby) late.abort()
    try {
      await using _leading = await candidate.lead(lease, standby)
      await aborted(AbortSignal.any([lease.lost, signal]))
    } catch (error) {
      if (signal.aborted) return
      log.error({ err: error }, 'cannot lead, standing by')
      await sleep(AFTER_FAILURE_MS, undefined, { signal }).catch(() => {})
    }
  }
}

/** Tries until it is ready or too late: NATS may be away meanwhile. */
function prepare<T, Standby extends AsyncDisposable>(
  candidate: Candidate<T, Standby>,
  log: Log,
  signal: AbortSignal,
): { ready(): Standby | undefined; done: Promise<Standby | undefined> } {
  let ready: Standby | undefined
  const done = (async () => {
    while (!signal.aborted) {
      try {
        ready = await candidate.waitForLead(signal)
        return ready
      } catch (error) {
        if (signal.aborted) break
        log.warn({ err: error }, 'cannot wait for the lease yet, trying again')
        await sleep(AFTER_FAILURE_MS, undefined, { signal }).catch(() => {})
      }
    }
    return undefined
  })()
  return { ready: () => ready, done }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
