import { type Severity, STREAMS } from '@fluxgate/contracts'
import { identityOf } from './accused.ts'
import { MAX_EVIDENCE, type Rule } from './rule.ts'
import { SlidingWindow, slotMs } from './sliding-window.ts'
import { burntBy, rounded, spendingOf } from './spending.ts'
import type { WholePolicy } from './whole-policy.ts'

const SHAPE = { slots: 50, keptPerSlot: 8 }
/** Severity by how many times the allowance was burnt. */
const SEVERITIES: ReadonlyArray<{ above: number; severity: Severity }> = [
  { above: 20, severity: 'critical' },
  { above: 5, severity: 'high' },
  { above: 2, severity: 'medium' },
]

/**
 * Tokens burnt in a window beyond what the tier gives back in it plus the policy's threshold. `progressed` counts too,
 * so a runaway stream is caught before it ends; its settlement adds only what was not told yet.
 */
export const contextFlood: Rule<SlidingWindow> = {
  name: 'contextFlood',
  streams: [STREAMS.tokens],

  keyOf(fact) {
    const spending = spendingOf(fact)
    return spending && burntBy(spending) > 0 ? fact.event.subject : undefined
  },

  evolve(memory = new SlidingWindow(SHAPE), fact, policy) {
    const { windowMs } = policy.rules.contextFlood
    memory.add(fact.atMs, burntBy(spendingOf(fact)!), fact.sequence, windowMs)
    return memory
  },

  crossedBy(memory, fact, policy) {
    const spending = spendingOf(fact)!
    return memory.sum > allowanceOf(spending.refillRate, policy) ? identityOf(spending) : undefined
  },

  explain(memory, fact, policy) {
    const { windowMs } = policy.rules.contextFlood
    const { refillRate } = spendingOf(fact)!
    const thresholdTokens = beyondRefill(refillRate, policy)
    const allowance = allowanceOf(refillRate, policy)
    const burnt = memory.sum
    const times = rounded(burnt / allowance)
    const events = memory.events === 1 ? 'one event' : `${memory.events} events`
    return {
      severity: SEVERITIES.find(({ above }) => times > above)?.severity ?? 'low',
      explanation:
        `Burnt ${burnt} tokens within ${windowMs / 1_000} s in ${events}. The tier gives back ` +
        `${rounded(refillRate)} tokens a second, ${rounded(allowance - thresholdTokens)} in that time, and the ` +
        `policy allows ${thresholdTokens} more: ${rounded(allowance)}. That is ${times} times the allowance.`,
      numbers: {
        burntTokens: burnt,
        allowanceTokens: rounded(allowance),
        thresholdTokens,
        refillRate,
        windowMs,
        events: memory.events,
        timesAllowance: times,
      },
      evidence: memory.largest(MAX_EVIDENCE).map(sequence => ({ stream: fact.stream, sequence })),
    }
  },

  isIdle: (memory, atMs) => memory.isIdle(atMs),

  memoryMs(policy) {
    const { windowMs } = policy.rules.contextFlood
    return windowMs + slotMs(windowMs, SHAPE)
  },
}

/** Tokens that may be burnt beyond what the tier gives back in the window. */
function beyondRefill(refillRate: number, policy: WholePolicy): number {
  const { thresholdTokens, burstSeconds = 0 } = policy.rules.contextFlood
  return Math.max(thresholdTokens, burstSeconds * refillRate)
}

function allowanceOf(refillRate: number, policy: WholePolicy): number {
  const { windowMs } = policy.rules.contextFlood
  return (refillRate * windowMs) / 1_000 + beyondRefill(refillRate, policy)
}
