import { addressGroup, STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { countingRule } from './counting-rule.ts'
import type { TimedFact } from './fact.ts'

/** Wrong passwords from one address, for whatever account: lists of stolen passwords that are tried out. */
export const failedLoginsAddress = countingRule({
  name: 'failedLoginsAddress',
  streams: [STREAMS.auth],
  severity: 'high',
  keyOf: addressOf,
  accused: fact => addressIdentity(addressOf(fact)!),
  describe: fact => `failed logins from ${addressOf(fact)}`,
})

function addressOf({ event }: TimedFact): string | undefined {
  return event.type === 'fluxgate.auth.login_failed' ? addressGroup(event.data.address) : undefined
}
