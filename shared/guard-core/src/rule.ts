import type { Identity, Severity } from '@fluxgate/contracts'
import type { Reference, TimedFact } from './fact.ts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

/** Events that an incident names, at the most. */
export const MAX_EVIDENCE = 50

/** What a rule found, in figures and in words. */
export interface Finding {
  readonly severity: Severity
  readonly explanation: string
  readonly numbers: Readonly<Record<string, number>>
  readonly evidence: readonly Reference[]
}

/**
 * One way to recognise abuse; one file each. All facts that a rule counts under one key come from one stream, so that what
 * it decides does not depend on how far another one was read; where it reads several, it has a state for each. It counts by a key of its own choice (an identity, an address, an account) and the fold keeps
 * one memory for each key. `Memory` may be changed in place: it has one owner.
 */
export interface Rule<Memory = unknown> {
  readonly name: RuleName
  readonly streams: readonly string[]
  /** What the fact is counted under, or undefined when the rule does not look at it. */
  keyOf(fact: TimedFact, policy: WholePolicy): string | undefined
  /** @returns undefined when there is nothing to remember */
  evolve(memory: Memory | undefined, fact: TimedFact, policy: WholePolicy): Memory | undefined
  /** Who is over the thresholds, looking at the memory right after `fact` was added. Asked for every fact. */
  crossedBy(memory: Memory, fact: TimedFact, policy: WholePolicy): Identity | undefined
  /** Asked once somebody is over them and not left alone. */
  explain(memory: Memory, fact: TimedFact, policy: WholePolicy): Finding
  /** True when the memory can be forgotten: it will not matter at this time or later. */
  isIdle(memory: Memory, atMs: number, policy: WholePolicy): boolean
  /** How far back a restart has to read so that the memory is whole again. */
  memoryMs(policy: WholePolicy): number
}
