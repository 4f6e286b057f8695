import { STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from './accused.ts'
import { countingRule } from './counting-rule.ts'
import type { Fact } from './fact.ts'

/** Wrong passwords from one address, for whatever account: lists of stolen passwords that are tried out. */
export const failedLoginsAddress = countingRule({
  name: 'failedLoginsAddress',
  stream: STREAMS.auth,
  severity: 'high',
  keyOf: addressOf,
  accused: fact => addressIdentity(addressOf(fact)!),
  describe: fact => `failed logins from ${addressOf(fact)}`,
})

function addressOf({ event }: Fact): string | undefined {
  return event.type === 'fluxgate.auth.login_failed' ? event.data.address : undefined
}
