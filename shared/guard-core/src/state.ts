import { Memories } from './memories.ts'
import type { Rule } from './rule.ts'

/** Who acts, in events and throttles that the guard makes. */
export const GUARD_ACTOR = 'guard'

/** An incident of one rule about one identity. Times are those of the log. */
export interface Told {
  readonly incident: string
  readonly sinceMs: number
  /** The rule leaves the identity alone until then. A pardon ends it early. */
  untilMs: number
}

/** What stands between an identity and a new incident by one rule. */
export interface Standing {
  /** Oldest first. Those of late make the next penalty longer. */
  told: Told[]
  /** A pardon forgets what was counted up to here. */
  clearedAtMs: number
  /** After a person's pardon the rule that had found it leaves it alone; every rule, when none had. */
  graceUntilMs: number
  /** A person's pardon forgives: incidents up to here make no penalty longer. */
  forgivenAtMs: number
}

/** Findings of one rule about addresses, one after the other: a single attack, however many addresses it has. */
export interface Campaign {
  readonly incident: string
  /** When the last of them was found. */
  lastMs: number
  findings: number
}

/** What one rule remembers of one stream. Only identities that have a standing are in `standings`. */
export interface RuleState {
  readonly rule: Rule
  readonly memories: Memories<unknown>
  readonly standings: Memories<Standing>
  campaign: Campaign | undefined
}

/** All that the rules of one stream remember: a fold of that stream, and of the pardons. */
export type GuardState = readonly RuleState[]

/** @param maxKeys what one rule remembers at the most */
export function emptyState(rules: readonly Rule[], maxKeys: number): GuardState {
  return rules.map(rule => ({
    rule,
    memories: new Memories(maxKeys),
    standings: new Memories<Standing>(maxKeys),
    campaign: undefined,
  }))
}
