import { addressGroup, STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import type { TimedFact } from './fact.ts'
import { MAX_VALUES, RecentValues } from './recent-values.ts'
import { MAX_EVIDENCE, type Rule } from './rule.ts'

/**
 * Accounts that were tried with a wrong password from one address: lists of stolen passwords. Accounts and not tries are
 * counted, because an office is one address, and one person with a wrong password must not block it.
 */
export const failedLoginsAddress: Rule<RecentValues> = {
  name: 'failedLoginsAddress',
  streams: [STREAMS.auth],

  keyOf: addressOf,

  evolve(memory = new RecentValues(), fact, policy) {
    const { account } = failureOf(fact)!
    memory.add(account, fact.atMs, fact.sequence, policy.rules.failedLoginsAddress.windowMs)
    return memory
  },

  crossedBy(memory, fact, policy) {
    const threshold = Math.min(policy.rules.failedLoginsAddress.threshold, MAX_VALUES - 1)
    return memory.size > threshold ? addressIdentity(addressOf(fact)!) : undefined
  },

  explain(memory, fact, policy) {
    const { windowMs, threshold } = policy.rules.failedLoginsAddress
    return {
      severity: 'high',
      explanation:
        `Logins to ${memory.size} accounts failed from ${addressOf(fact)!} within ${windowMs / 1_000} s. ` +
        `The policy allows ${threshold}.`,
      numbers: { count: memory.size, threshold, windowMs },
      evidence: memory.sequences(MAX_EVIDENCE).map(sequence => ({ stream: fact.stream, sequence })),
    }
  },

  isIdle: (memory, atMs, policy) => memory.isIdle(atMs, policy.rules.failedLoginsAddress.windowMs),
  memoryMs: policy => policy.rules.failedLoginsAddress.windowMs,
}

function addressOf(fact: TimedFact): string | undefined {
  const failure = failureOf(fact)
  return failure && addressGroup(failure.address)
}

function failureOf({ event }: TimedFact) {
  return event.type === 'fluxgate.auth.login_failed' ? event.data : undefined
}
