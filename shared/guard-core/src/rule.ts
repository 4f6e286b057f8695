import type { Identity, LogEvent, LogPosition, Severity } from '@fluxgate/contracts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

/** Events that an incident names, at the most. */
export const MAX_EVIDENCE = 50

/** An event with the time that windows count it at. */
export interface TimedEvent extends LogEvent {
  /** Its position in its stream, as {@link placeNumber} makes it. */
  readonly place: number
  /** When it happened, as far as its source's clock can be trusted: see {@link SourceClocks}. Never after `storedAtMs`. */
  readonly atMs: number
}

/** What a rule found, in figures and in words. */
export interface Finding {
  readonly severity: Severity
  readonly explanation: string
  readonly numbers: Readonly<Record<string, number>>
  readonly evidence: readonly LogPosition[]
}

/**
 * One way to recognise abuse; one file each. All events that a rule counts under one key come from one stream, so that what
 * it decides does not depend on how far another one was read; where it reads several, it has a state for each. It counts by a key of its own choice (an identity, an address, an account) and the fold keeps
 * one memory for each key. `Memory` may be changed in place: it has one owner.
 */
export interface Rule<Memory = unknown> {
  readonly name: RuleName
  readonly streams: readonly string[]
  /** What the event is counted under, or undefined when the rule does not look at it. */
  keyOf(entry: TimedEvent, policy: WholePolicy): string | undefined
  /** @returns undefined when there is nothing to remember */
  evolve(memory: Memory | undefined, entry: TimedEvent, policy: WholePolicy): Memory | undefined
  /** Who is over the thresholds, looking at the memory right after `entry` was added. Asked for every event. */
  crossedBy(memory: Memory, entry: TimedEvent, policy: WholePolicy): Identity | undefined
  /** Asked once somebody is over them and not left alone. */
  explain(memory: Memory, entry: TimedEvent, policy: WholePolicy): Finding
  /** True when the memory can be forgotten: it will not matter at this time or later. */
  isIdle(memory: Memory, atMs: number, policy: WholePolicy): boolean
  /** How far back a restart has to read so that the memory is whole again. */
  memoryMs(policy: WholePolicy): number
}

/** The identity alone, without the other fields of an event about it. */
export function identityOf({ user, key }: Identity): Identity {
  return { user, key }
}
