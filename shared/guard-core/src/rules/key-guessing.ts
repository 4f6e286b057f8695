import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from '../rule.ts'
import { countingRule } from './counting-rule.ts'
import { rejectionOf } from './rejected-key.ts'

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
