import type { Identity, Severity } from '@fluxgate/contracts'
import { positionAt } from '../place.ts'
import { MAX_EVIDENCE, type Rule, type TimedEvent } from '../rule.ts'
import { SlidingWindow, slotMs } from '../sliding-window.ts'
import type { RuleName, WholePolicy } from '../whole-policy.ts'
import { countOf } from './spending.ts'

const SHAPE = { slots: 20, retainedPerSlot: 3 }

/** Rules whose thresholds are "more than so many in so long". */
type CountingName = {
  [Name in RuleName]: WholePolicy['rules'][Name] extends { threshold: number } ? Name : never
}[RuleName]

interface Counting {
  readonly name: CountingName
  readonly streams: readonly string[]
  readonly severity: Severity
  keyOf(entry: TimedEvent, policy: WholePolicy): string | undefined
  subject(entry: TimedEvent): Identity
  /** What was counted, after the number: `calls`, `wrong passwords from one address`. */
  describe(entry: TimedEvent, policy: WholePolicy): string
}

/** A rule that counts events of one kind in a window. */
export function countingRule(counting: Counting): Rule<SlidingWindow> {
  const { name, streams, severity } = counting
  return {
    name,
    streams,
    keyOf: counting.keyOf,

    evolve(memory = new SlidingWindow(SHAPE), entry, policy) {
      memory.add(entry.atMs, countOf(entry), entry.place, policy.rules[name].windowMs)
      return memory
    },

    crossedBy(memory, entry, policy) {
      return memory.sum > policy.rules[name].threshold ? counting.subject(entry) : undefined
    },

    explain(memory, entry, policy) {
      const { windowMs, threshold } = policy.rules[name]
      const what = counting.describe(entry, policy)
      return {
        severity,
        explanation: `${memory.sum} ${what} within ${windowMs / 1_000} s. The policy allows ${threshold}.`,
        numbers: { count: memory.sum, threshold, windowMs },
        evidence: memory.largest(MAX_EVIDENCE).map(place => positionAt(entry.stream, place)),
      }
    },

    isIdle: (memory, atMs) => memory.isIdle(atMs),

    memoryMs(policy) {
      const { windowMs } = policy.rules[name]
      return windowMs + slotMs(windowMs, SHAPE)
    },
  }
}
