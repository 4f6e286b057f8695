import type { DataOf, KeyRejected, LogEvent } from '@fluxgate/contracts'

type Rejection = DataOf<typeof KeyRejected>

/** The rejection of a key for one of these reasons. Its identity is that of the address it came from. */
export function rejectionOf(
  { event }: LogEvent,
  reasons: ReadonlySet<Rejection['reason']>,
): Rejection | undefined {
  return event.type === 'fluxgate.auth.key_rejected' && reasons.has(event.data.reason)
    ? event.data
    : undefined
}
