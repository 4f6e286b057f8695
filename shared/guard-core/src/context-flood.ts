import { type GuardPolicy, identityText, type Severity, STREAMS } from '@fluxgate/contracts'
import type { Fact } from './fact.ts'
import type { Rule } from './rule.ts'
import { slotMs, TokenWindow } from './token-window.ts'

const MAX_EVIDENCE = 50
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
export const contextFlood: Rule<TokenWindow> = {
  name: 'contextFlood',

  keyOf({ event }) {
    const isSpending = event.type === 'fluxgate.tokens.settled' || event.type === 'fluxgate.tokens.progressed'
    return isSpending && burntBy(event.data) > 0 ? identityText(event.data) : undefined
  },

  evolve(memory = new TokenWindow(), fact, policy) {
    const { windowMs } = policy.rules.contextFlood
    memory.add(fact.storedAtMs, burntBy(spendingOf(fact)), fact.sequence, windowMs)
    return memory
  },

  crossedBy(memory, fact, policy) {
    const { user, key, refillRate } = spendingOf(fact)
    const { enabled } = policy.rules.contextFlood
    return enabled && memory.tokens > allowanceOf(refillRate, policy) ? { user, key } : undefined
  },

  explain(memory, fact, policy) {
    const { windowMs, thresholdTokens } = policy.rules.contextFlood
    const { refillRate } = spendingOf(fact)
    const allowance = allowanceOf(refillRate, policy)
    const burnt = memory.tokens
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
      evidence: memory.largest(MAX_EVIDENCE).map(sequence => ({ stream: STREAMS.tokens, sequence })),
    }
  },

  isIdle: (memory, atMs) => memory.isIdle(atMs),

  memoryMs(policy) {
    const { windowMs } = policy.rules.contextFlood
    return windowMs + slotMs(windowMs)
  },
}

interface Spending {
  readonly user: string
  readonly key: string
  readonly refillRate: number
  readonly total?: number
  readonly progressed?: number
  readonly delta?: number
}

function spendingOf({ event }: Fact): Spending {
  if (event.type === 'fluxgate.tokens.settled' || event.type === 'fluxgate.tokens.progressed')
    return event.data
  throw new TypeError(`${event.type} spends no tokens`)
}

function burntBy(data: Spending): number {
  return data.delta ?? Math.max(0, (data.total ?? 0) - (data.progressed ?? 0))
}

function allowanceOf(refillRate: number, policy: GuardPolicy): number {
  const { windowMs, thresholdTokens } = policy.rules.contextFlood
  return (refillRate * windowMs) / 1_000 + thresholdTokens
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
