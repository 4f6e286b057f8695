import { ANONYMOUS, STREAMS } from '@fluxgate/contracts'
import { countingRule } from './counting-rule.ts'
import type { TimedFact } from './fact.ts'

const DIGITS = 16

/** Wrong passwords for one account, from wherever: a guess that is spread over many addresses. */
export const failedLoginsAccount = countingRule({
  name: 'failedLoginsAccount',
  streams: [STREAMS.auth],
  severity: 'medium',
  keyOf: fact => failureOf(fact)?.account,
  accused(fact) {
    const { user, key, account } = failureOf(fact)!
    // An account that does not exist has no user: it is told apart by the hash of its address.
    return user === ANONYMOUS ? { user, key: account.slice(0, DIGITS) } : { user, key }
  },
  describe: () => 'failed logins to one account',
})

function failureOf({ event }: TimedFact) {
  return event.type === 'fluxgate.auth.login_failed' ? event.data : undefined
}
