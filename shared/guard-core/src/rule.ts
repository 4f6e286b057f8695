import type { GuardPolicy, Identity, Severity } from '@fluxgate/contracts'
import type { Fact, Reference } from './fact.ts'

/** What a rule found, in figures and in words. */
export interface Finding {
  readonly severity: Severity
  readonly explanation: string
  readonly numbers: Readonly<Record<string, number>>
  readonly evidence: readonly Reference[]
}

/**
 * One way to recognise abuse; one file each. A rule counts by a key of its own choice (an identity, an address, an
 * account) and the fold keeps one memory for each key. `Memory` may be changed in place: it has one owner.
 */
export interface Rule<Memory = unknown> {
  readonly name: string
  /** What the fact is counted under, or undefined when the rule does not look at it. */
  keyOf(fact: Fact): string | undefined
  evolve(memory: Memory | undefined, fact: Fact, policy: GuardPolicy): Memory
  /** Who is over the thresholds, looking at the memory right after `fact` was added. Asked for every fact. */
  crossedBy(memory: Memory, fact: Fact, policy: GuardPolicy): Identity | undefined
  /** Asked once somebody is over them and not left alone. */
  explain(memory: Memory, fact: Fact, policy: GuardPolicy): Finding
  /** True when the memory can be forgotten: it will not matter at this time or later. */
  isIdle(memory: Memory, atMs: number): boolean
  /** How far back a restart has to read so that the memory is whole again. */
  memoryMs(policy: GuardPolicy): number
}
