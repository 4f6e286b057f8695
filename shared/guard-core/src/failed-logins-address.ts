import { STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from './accused.ts'
import type { Fact } from './fact.ts'
import { MAX_VALUES, RecentValues } from './recent-values.ts'
import { MAX_EVIDENCE, type Rule } from './rule.ts'

/**
 * Accounts that were tried with a wrong password from one address: lists of stolen passwords. Accounts and not tries are
 * counted, because an office is one address, and one person with a wrong password must not block it.
 */
export const failedLoginsAddress: Rule<RecentValues> = {
  name: 'failedLoginsAddress',
  stream: STREAMS.auth,

  keyOf: fact => failureOf(fact)?.address,

  evolve(memory = new RecentValues(), fact, policy) {
    const { account } = failureOf(fact)!
    memory.add(account, fact.storedAtMs, fact.sequence, policy.rules.failedLoginsAddress.windowMs)
    return memory
  },

  crossedBy(memory, fact, policy) {
    const threshold = Math.min(policy.rules.failedLoginsAddress.threshold, MAX_VALUES - 1)
    return memory.size > threshold ? addressIdentity(failureOf(fact)!.address) : undefined
  },

  explain(memory, fact, policy) {
    const { windowMs, threshold } = policy.rules.failedLoginsAddress
    return {
      severity: 'high',
      explanation:
        `Logins to ${memory.size} accounts failed from ${failureOf(fact)!.address} within ${windowMs / 1_000} s. ` +
        `The policy allows ${threshold}.`,
      numbers: { count: memory.size, threshold, windowMs },
      evidence: memory.sequences(MAX_EVIDENCE).map(sequence => ({ stream: STREAMS.auth, sequence })),
    }
  },

  isIdle: (memory, atMs, policy) => memory.isIdle(atMs, policy.rules.failedLoginsAddress.windowMs),
  memoryMs: policy => policy.rules.failedLoginsAddress.windowMs,
}

function failureOf({ event }: Fact) {
  return event.type === 'fluxgate.auth.login_failed' ? event.data : undefined
}
