import type { DataOf, KeyRejected } from '@fluxgate/contracts'
import type { Fact } from './fact.ts'

type Rejection = DataOf<typeof KeyRejected>

/** The rejection of a key for one of these reasons. Its identity is that of the address it came from. */
export function rejectionOf(
  { event }: Fact,
  reasons: ReadonlySet<Rejection['reason']>,
): Rejection | undefined {
  return event.type === 'fluxgate.auth.key_rejected' && reasons.has(event.data.reason)
    ? event.data
    : undefined
}
