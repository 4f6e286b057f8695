import { type Severity, STREAMS } from '@fluxgate/contracts'
import { positionAt } from '../place.ts'
import { identityOf, MAX_EVIDENCE, type Rule } from '../rule.ts'
import { SlidingWindow, slotMs } from '../sliding-window.ts'
import type { WholePolicy } from '../whole-policy.ts'
import { consumedBy, rounded, spendingOf } from './spending.ts'

const SHAPE = { slots: 50, retainedPerSlot: 8 }
/** Severity by how many times the allowance was consumed. */
const SEVERITIES: ReadonlyArray<{ above: number; severity: Severity }> = [
  { above: 20, severity: 'critical' },
  { above: 5, severity: 'high' },
  { above: 2, severity: 'medium' },
]

/**
 * Tokens consumed in a window beyond what the tier gives back in it plus the policy's threshold. `progressed` counts too,
 * so a runaway stream is caught before it ends; its settlement adds only what was not reported yet.
 */
export const contextFlood: Rule<SlidingWindow> = {
  name: 'contextFlood',
  streams: [STREAMS.tokens],

  keyOf(entry) {
    const spending = spendingOf(entry)
    return spending && consumedBy(spending) > 0 ? entry.event.subject : undefined
  },

  evolve(memory = new SlidingWindow(SHAPE), entry, policy) {
    const { windowMs } = policy.rules.contextFlood
    memory.add(entry.atMs, consumedBy(spendingOf(entry)!), entry.place, windowMs)
    return memory
  },

  crossedBy(memory, entry, policy) {
    const spending = spendingOf(entry)!
    return memory.sum > allowanceOf(spending.refillRate, policy) ? identityOf(spending) : undefined
  },

  explain(memory, entry, policy) {
    const { windowMs } = policy.rules.contextFlood
    const { refillRate } = spendingOf(entry)!
    const thresholdTokens = beyondRefill(refillRate, policy)
    const allowance = allowanceOf(refillRate, policy)
    const consumed = memory.sum
    const times = rounded(consumed / allowance)
    const events = memory.events === 1 ? 'one event' : `${memory.events} events`
    return {
      severity: SEVERITIES.find(({ above }) => times > above)?.severity ?? 'low',
      explanation:
        `Consumed ${consumed} tokens within ${windowMs / 1_000} s in ${events}. The tier gives back ` +
        `${rounded(refillRate)} tokens a second, ${rounded(allowance - thresholdTokens)} in that time, and the ` +
        `policy allows ${thresholdTokens} more: ${rounded(allowance)}. That is ${times} times the allowance.`,
      numbers: {
        burntTokens: consumed,
        allowanceTokens: rounded(allowance),
        thresholdTokens,
        refillRate,
        windowMs,
        events: memory.events,
        timesAllowance: times,
      },
      evidence: memory.largest(MAX_EVIDENCE).map(place => positionAt(entry.stream, place)),
    }
  },

  isIdle: (memory, atMs) => memory.isIdle(atMs),

  memoryMs(policy) {
    const { windowMs } = policy.rules.contextFlood
    return windowMs + slotMs(windowMs, SHAPE)
  },
}

/** Tokens that may be consumed beyond what the tier gives back in the window. */
function beyondRefill(refillRate: number, policy: WholePolicy): number {
  const { thresholdTokens, burstSeconds = 0 } = policy.rules.contextFlood
  return Math.max(thresholdTokens, burstSeconds * refillRate)
}

function allowanceOf(refillRate: number, policy: WholePolicy): number {
  const { windowMs } = policy.rules.contextFlood
  return (refillRate * windowMs) / 1_000 + beyondRefill(refillRate, policy)
}
