import { addressGroup, STREAMS } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { positionAt } from '../place.ts'
import { MAX_VALUES, RecentValues } from '../recent-values.ts'
import { MAX_EVIDENCE, type Rule, type TimedEvent } from '../rule.ts'

/**
 * Accounts that were tried with a wrong password from one address: lists of stolen passwords. Accounts and not tries are
 * counted, because an office is one address, and one person with a wrong password must not block it.
 */
export const failedLoginsAddress: Rule<RecentValues> = {
  name: 'failedLoginsAddress',
  streams: [STREAMS.auth],

  keyOf: addressOf,

  evolve(memory = new RecentValues(), entry, policy) {
    const { account } = failureOf(entry)!
    memory.add(account, entry.atMs, entry.place, policy.rules.failedLoginsAddress.windowMs)
    return memory
  },

  crossedBy(memory, entry, policy) {
    const threshold = Math.min(policy.rules.failedLoginsAddress.threshold, MAX_VALUES - 1)
    return memory.size > threshold ? addressIdentity(addressOf(entry)!) : undefined
  },

  explain(memory, entry, policy) {
    const { windowMs, threshold } = policy.rules.failedLoginsAddress
    return {
      severity: 'high',
      explanation:
        `Logins to ${memory.size} accounts failed from ${addressOf(entry)!} within ${windowMs / 1_000} s. ` +
        `The policy allows ${threshold}.`,
      numbers: { count: memory.size, threshold, windowMs },
      evidence: memory.places(MAX_EVIDENCE).map(place => positionAt(entry.stream, place)),
    }
  },

  isIdle: (memory, atMs, policy) => memory.isIdle(atMs, policy.rules.failedLoginsAddress.windowMs),
  memoryMs: policy => policy.rules.failedLoginsAddress.windowMs,
}

function addressOf(entry: TimedEvent): string | undefined {
  const failure = failureOf(entry)
  return failure && addressGroup(failure.address)
}

function failureOf({ event }: TimedEvent) {
  return event.type === 'fluxgate.auth.login_failed' ? event.data : undefined
}
