import { createHash } from 'node:crypto'
import { type GuardPolicy, type Identity, identityText, type Throttle } from '@fluxgate/contracts'
import type { Fact } from './fact.ts'
import type { Finding } from './rule.ts'
import { GUARD_ACTOR, type GuardState } from './state.ts'

const INCIDENT_DIGITS = 24
const MAX_REASON_CHARS = 256

/** What is to be done about a finding: an incident to open, and the throttle that answers it. */
export interface Decision extends Finding {
  /** The same rule, identity and crossing event are the same incident, whoever decides and how often. */
  readonly incident: string
  readonly identity: Identity
  readonly rule: string
  /** Position of the event that crossed the threshold. */
  readonly sequence: number
  readonly throttle: Throttle
}

/** Looks at what `fact` changed, as of its own time. Nothing else than state, policy and fact has a say. */
export function decide(state: GuardState, policy: GuardPolicy, fact: Fact): Decision[] {
  const decisions: Decision[] = []
  for (const rule of state.rules) {
    const key = rule.keyOf(fact)
    const memory = key === undefined ? undefined : state.memories.get(rule.name)!.get(key)
    const identity = memory === undefined ? undefined : rule.crossedBy(memory, fact, policy)
    if (!identity || isLeftAlone(state, rule.name, identity, fact)) continue
    const incident = incidentId(rule.name, identity, fact.event.id)
    const finding = rule.explain(memory, fact, policy)
    const throttle = throttleOf(policy, finding.explanation, rule.name, incident, fact.storedAtMs)
    decisions.push({ ...finding, incident, identity, rule: rule.name, sequence: fact.sequence, throttle })
  }
  return decisions
}

export function incidentId(rule: string, identity: Identity, crossingEventId: string): string {
  const hash = createHash('sha256').update(`${rule}\n${identityText(identity)}\n${crossingEventId}`)
  return `inc_${hash.digest('hex').slice(0, INCIDENT_DIGITS)}`
}

function isLeftAlone(state: GuardState, rule: string, identity: Identity, fact: Fact): boolean {
  const standing = state.standings.get(identityText(identity))
  if (!standing) return false
  const { quiet, grace, clearedAtMs } = standing
  const atMs = fact.storedAtMs
  if (atMs <= clearedAtMs) return true
  if (grace && atMs < grace.untilMs && (grace.rule ?? rule) === rule) return true
  if (!quiet || atMs >= quiet.untilMs || atMs < quiet.sinceMs) return false
  if (atMs > quiet.sinceMs) return true
  // The crossing event itself, read again after a restart, leads to its incident again: carrying it out is idempotent.
  return quiet.incident !== incidentId(rule, identity, fact.event.id)
}

function throttleOf(
  { penalty }: GuardPolicy,
  explanation: string,
  rule: string,
  incident: string,
  imposedAt: number,
): Throttle {
  return {
    capacity: penalty.capacity,
    refillRate: penalty.refillRate,
    imposedAt,
    until: imposedAt + penalty.durationMs,
    reason: explanation.slice(0, MAX_REASON_CHARS),
    rule,
    actor: GUARD_ACTOR,
    incident,
  }
}
