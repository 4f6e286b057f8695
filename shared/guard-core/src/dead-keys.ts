import { STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from './accused.ts'
import { countingRule } from './counting-rule.ts'
import { rejectionOf } from './rejected-key.ts'

const DEAD = new Set(['revoked', 'expired', 'disabled'] as const)

/** Keys that were ours, used from one address after their end: a deployment that was forgotten, or a thief. */
export const deadKeys = countingRule({
  name: 'deadKeys',
  stream: STREAMS.auth,
  severity: 'low',
  keyOf: fact => rejectionOf(fact, DEAD)?.address,
  accused: fact => addressIdentity(rejectionOf(fact, DEAD)!.address),
  describe: fact => `uses of revoked, expired or disabled keys from ${rejectionOf(fact, DEAD)!.address}`,
})
