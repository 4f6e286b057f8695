import { ANONYMOUS, STREAMS } from '@fluxgate/contracts'
import type { TimedEvent } from '../rule.ts'
import { countingRule } from './counting-rule.ts'

const DIGITS = 16

/** Wrong passwords for one account, from wherever: a guess that is spread over many addresses. */
export const failedLoginsAccount = countingRule({
  name: 'failedLoginsAccount',
  streams: [STREAMS.auth],
  severity: 'medium',
  keyOf: entry => failureOf(entry)?.account,
  subject(entry) {
    const { user, key, account } = failureOf(entry)!
    // An account that does not exist has no user: it is identified by the hash of its address.
    return user === ANONYMOUS ? { user, key: account.slice(0, DIGITS) } : { user, key }
  },
  describe: () => 'failed logins to one account',
})

function failureOf({ event }: TimedEvent) {
  return event.type === 'fluxgate.auth.login_failed' ? event.data : undefined
}
