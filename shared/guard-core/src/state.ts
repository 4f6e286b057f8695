import type { Rule } from './rule.ts'
import { SweepingMap } from './sweeping-map.ts'

/** Who acts, in events and throttles that the guard makes. */
export const GUARD_ACTOR = 'guard'

/** An incident of one rule about one identity. Times are those of the log. */
export interface Suppression {
  readonly incident: string
  readonly sinceMs: number
  /** The rule leaves the identity alone until then. A pardon ends it early. */
  untilMs: number
}

/** What keeps one rule from opening a new incident about an identity. */
export interface RuleStatus {
  /** Oldest first. Those of late make the next penalty longer. */
  suppressions: Suppression[]
  /** A pardon forgets what was counted up to here. */
  clearedAtMs: number
  /** After a person's pardon the rule that had found it leaves it alone; every rule, when none had. */
  graceUntilMs: number
  /** A person's pardon forgives: incidents up to here make no penalty longer. */
  forgivenAtMs: number
}

/** Findings of one rule about addresses, one after the other: a single attack, however many addresses it has. */
export interface Attack {
  readonly incident: string
  /** When the last of them was found. */
  lastMs: number
  findings: number
}

/** What one rule remembers of one stream. Only identities that have a status are in `statuses`. */
export interface RuleState {
  readonly rule: Rule
  readonly memories: SweepingMap<unknown>
  readonly statuses: SweepingMap<RuleStatus>
  attack: Attack | undefined
}

/** All that the rules of one stream remember: a fold of that stream, and of the pardons. */
export type GuardState = readonly RuleState[]

/** @param maxKeys what one rule remembers at the most */
export function emptyState(rules: readonly Rule[], maxKeys: number): GuardState {
  return rules.map(rule => ({
    rule,
    memories: new SweepingMap(maxKeys),
    statuses: new SweepingMap<RuleStatus>(maxKeys),
    attack: undefined,
  }))
}
