import { addressGroup, STREAMS } from '@fluxgate/contracts'
import { positionAt } from '../place.ts'
import { RecentValues } from '../recent-values.ts'
import { identityOf, MAX_EVIDENCE, type Rule } from '../rule.ts'

/**
 * One key used from many addresses at once: a stolen or published one. A gateway reports each address of a key at most
 * once a minute, so a window has to be longer than that.
 */
export const keySharing: Rule<RecentValues> = {
  name: 'keySharing',
  streams: [STREAMS.auth],

  keyOf: ({ event }) => (event.type === 'fluxgate.auth.key_accepted' ? event.subject : undefined),

  evolve(memory = new RecentValues(), { event, atMs, place }, policy) {
    const { address } = event.data as { address: string }
    memory.add(addressGroup(address), atMs, place, policy.rules.keySharing.windowMs)
    return memory
  },

  crossedBy(memory, { event }, policy) {
    return memory.size > policy.rules.keySharing.threshold ? identityOf(event.data as never) : undefined
  },

  explain(memory, entry, policy) {
    const { windowMs, threshold } = policy.rules.keySharing
    return {
      severity: 'high',
      explanation:
        `One key was used from ${memory.size} addresses within ${windowMs / 1_000} s. ` +
        `The policy allows ${threshold}.`,
      numbers: { addresses: memory.size, threshold, windowMs },
      evidence: memory.places(MAX_EVIDENCE).map(place => positionAt(entry.stream, place)),
    }
  },

  isIdle: (memory, atMs, policy) => memory.isIdle(atMs, policy.rules.keySharing.windowMs),
  memoryMs: policy => policy.rules.keySharing.windowMs,
}
