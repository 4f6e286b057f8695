import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from './accused.ts'
import { countingRule } from './counting-rule.ts'
import { rejectionOf } from './rejected-key.ts'

const GUESSES = new Set(['unknown', 'malformed'] as const)

/** Keys that are not ours, tried from one address. A call without any key is no guess. */
export const keyGuessing = countingRule({
  name: 'keyGuessing',
  streams: [STREAMS.refusals, STREAMS.auth],
  severity: 'high',
  keyOf: fact => rejectionOf(fact, GUESSES) && fact.event.subject,
  accused: fact => identityOf(rejectionOf(fact, GUESSES)!),
  describe: fact => `unknown or malformed keys from ${rejectionOf(fact, GUESSES)!.address}`,
})
