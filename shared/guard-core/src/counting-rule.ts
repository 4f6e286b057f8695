import type { Identity, Severity } from '@fluxgate/contracts'
import type { TimedFact } from './fact.ts'
import { MAX_EVIDENCE, type Rule } from './rule.ts'
import { SlidingWindow, slotMs } from './sliding-window.ts'
import { countOf } from './spending.ts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

const SHAPE = { slots: 20, keptPerSlot: 3 }

/** Rules whose thresholds are "more than so many in so long". */
type CountingName = {
  [Name in RuleName]: WholePolicy['rules'][Name] extends { threshold: number } ? Name : never
}[RuleName]

interface Counting {
  readonly name: CountingName
  readonly streams: readonly string[]
  readonly severity: Severity
  keyOf(fact: TimedFact, policy: WholePolicy): string | undefined
  accused(fact: TimedFact): Identity
  /** What was counted, after the number: `calls`, `wrong passwords from one address`. */
  describe(fact: TimedFact, policy: WholePolicy): string
}

/** A rule that counts events of one kind in a window. */
export function countingRule(counting: Counting): Rule<SlidingWindow> {
  const { name, streams, severity } = counting
  return {
    name,
    streams,
    keyOf: counting.keyOf,

    evolve(memory = new SlidingWindow(SHAPE), fact, policy) {
      memory.add(fact.atMs, countOf(fact), fact.sequence, policy.rules[name].windowMs)
      return memory
    },

    crossedBy(memory, fact, policy) {
      return memory.sum > policy.rules[name].threshold ? counting.accused(fact) : undefined
    },

    explain(memory, fact, policy) {
      const { windowMs, threshold } = policy.rules[name]
      const what = counting.describe(fact, policy)
      return {
        severity,
        explanation: `${memory.sum} ${what} within ${windowMs / 1_000} s. The policy allows ${threshold}.`,
        numbers: { count: memory.sum, threshold, windowMs },
        evidence: memory.largest(MAX_EVIDENCE).map(sequence => ({ stream: fact.stream, sequence })),
      }
    },

    isIdle: (memory, atMs) => memory.isIdle(atMs),

    memoryMs(policy) {
      const { windowMs } = policy.rules[name]
      return windowMs + slotMs(windowMs, SHAPE)
    },
  }
}
