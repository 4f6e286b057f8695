import { callerFilter, RequestRefused, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'

/** An address has the same hash for 7 days, and its clear form is stored for 3 days more at the most. */
const LOOK_BACK_MS = 11 * 86_400_000
const LIMIT_MS = 30_000

/**
 * Makes the hashed addresses in a user's events unresolvable. `auth.*` has the address of each key and session in use,
 * `requests.refused` those of calls that were never admitted.
 * @param forget drops the clear addresses of these hashes
 * @throws when the log cannot be read to its end in time
 */
export function forgetAddressesOf(
  link: NatsLink,
  forget: (hashes: Iterable<string>) => Promise<void>,
  epochMs: () => number,
) {
  return async (user: string): Promise<void> => {
    const sources = [
      { stream: STREAMS.auth, filter: callerFilter('auth', { user }) },
      { stream: STREAMS.requests, filter: callerFilter('requests', { user, kind: RequestRefused.kind }) },
    ]
    const signal = AbortSignal.timeout(LIMIT_MS)
    const from = { timeMs: epochMs() - LOOK_BACK_MS }
    const hashes = new Set<string>()
    for (const source of sources) {
      for await (const { events } of replay(link, { ...source, from, signal })) {
        for (const { event } of events) {
          if ('address' in event.data && event.data.address !== undefined) hashes.add(event.data.address)
        }
      }
    }
    if (signal.aborted) throw new Error(`The addresses of ${user} were not found in ${LIMIT_MS / 1_000} s.`)
    await forget(hashes)
  }
}
