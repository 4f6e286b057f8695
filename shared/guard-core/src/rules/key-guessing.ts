import { type DataOf, type KeyRejected, type LogEvent, STREAMS } from '@fluxgate/contracts'
import { identityOf } from '../rule.ts'
import { countingRule } from './counting-rule.ts'

const GUESSES = new Set(['unknown', 'malformed'] as const)

/** Keys that are not ours, tried from one address. A call without any key is no guess. */
export const keyGuessing = countingRule({
  name: 'keyGuessing',
  streams: [STREAMS.refusals, STREAMS.auth],
  severity: 'high',
  keyOf: entry => rejectionOf(entry, GUESSES) && entry.event.subject,
  subject: entry => identityOf(rejectionOf(entry, GUESSES)!),
  describe: entry => `unknown or malformed keys from ${rejectionOf(entry, GUESSES)!.address}`,
})

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

const DEAD = new Set(['revoked', 'expired', 'disabled'] as const)

/** Keys that were ours, used from one address after their end: a deployment that was forgotten, or a thief. */
export const deadKeys = countingRule({
  name: 'deadKeys',
  streams: [STREAMS.refusals, STREAMS.auth],
  severity: 'low',
  keyOf: entry => rejectionOf(entry, DEAD) && entry.event.subject,
  subject: entry => identityOf(rejectionOf(entry, DEAD)!),
  describe: entry => `uses of revoked, expired or disabled keys from ${rejectionOf(entry, DEAD)!.address}`,
})
