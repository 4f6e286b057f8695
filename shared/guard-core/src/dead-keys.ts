import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from './accused.ts'
import { countingRule } from './counting-rule.ts'
import { rejectionOf } from './rejected-key.ts'

const DEAD = new Set(['revoked', 'expired', 'disabled'] as const)

/** Keys that were ours, used from one address after their end: a deployment that was forgotten, or a thief. */
export const deadKeys = countingRule({
  name: 'deadKeys',
  streams: [STREAMS.refusals, STREAMS.auth],
  severity: 'low',
  keyOf: fact => rejectionOf(fact, DEAD) && fact.event.subject,
  accused: fact => identityOf(rejectionOf(fact, DEAD)!),
  describe: fact => `uses of revoked, expired or disabled keys from ${rejectionOf(fact, DEAD)!.address}`,
})
