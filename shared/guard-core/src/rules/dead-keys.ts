import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from '../rule.ts'
import { countingRule } from './counting-rule.ts'
import { rejectionOf } from './rejected-key.ts'

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
