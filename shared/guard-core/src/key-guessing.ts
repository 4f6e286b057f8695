import { STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from './accused.ts'
import { countingRule } from './counting-rule.ts'
import { rejectionOf } from './rejected-key.ts'

const GUESSES = new Set(['unknown', 'malformed'] as const)

/** Keys that are not ours, tried from one address. A call without any key is no guess. */
export const keyGuessing = countingRule({
  name: 'keyGuessing',
  stream: STREAMS.auth,
  severity: 'high',
  keyOf: fact => rejectionOf(fact, GUESSES)?.address,
  accused: fact => addressIdentity(rejectionOf(fact, GUESSES)!.address),
  describe: fact => `unknown or malformed keys from ${rejectionOf(fact, GUESSES)!.address}`,
})
