import { createHash } from 'node:crypto'
import {
  addressGroup,
  type GuardAction,
  type Identity,
  identityText,
  type LogEvent,
  OTHER_ADDRESSES,
  type Throttle,
} from '@fluxgate/contracts'
import { attackOf } from './attack.ts'
import type { Finding, TimedEvent } from './rule.ts'
import { penaltyMs, violationsAt } from './rule-status.ts'
import { GUARD_ACTOR, type RuleState, type RuleStatus } from './state.ts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

const INCIDENT_DIGITS = 24
const MAX_REASON_CHARS = 256
const MAX_EXPLANATION_CHARS = 3_900

/** What is to be done about a finding: an incident to open, and the throttle that answers it. */
export interface Decision extends Finding {
  /** The same rule, identity and crossing event are the same decision, whoever decides and how often. */
  readonly id: string
  /** That of the decision, or of the attack that it joins. */
  readonly incident: string
  /** Findings that the incident holds with this one; more than 1 when it joins a attack. */
  readonly findings: number
  readonly identity: Identity
  readonly rule: RuleName
  /** Position of the event that crossed the threshold: stream, sequence, and when it was stored. */
  readonly stream: string
  readonly sequence: number
  readonly atMs: number
  readonly action: GuardAction['kind']
  /** The rule leaves the identity alone until then: the end of the throttle, where there is one. */
  readonly untilMs: number
  /** Absent when the policy only observes. */
  readonly throttle: Throttle | undefined
}

/** Looks at the memory that `entry` was counted in, as of its own time. Nothing else than rule, policy and event has a say. */
export function decide(
  state: RuleState,
  memory: unknown,
  entry: TimedEvent,
  policy: WholePolicy,
): Decision | undefined {
  const { rule, statuses } = state
  const identity = rule.crossedBy(memory, entry, policy)
  if (!identity || isAllowed(policy, identity, entry)) return undefined
  const status = statuses.get(identityText(identity))
  if (status && isLeftAlone(status, rule.name, identity, entry)) return undefined
  const id = incidentId(rule.name, identity, entry.event.id)
  const attack = attackOf(state, identity, entry.storedAtMs)
  // The event that began the attack, read again after a restart.
  const joined = attack?.incident === id ? undefined : attack
  const about = { id, incident: joined?.incident ?? id, findings: (joined?.findings ?? 0) + 1 }
  const violations = violationsAt(status, entry.storedAtMs, policy)
  return decisionOf(
    rule.explain(memory, entry, policy),
    rule.name,
    identity,
    about,
    violations,
    policy,
    entry,
  )
}

export function incidentId(rule: string, identity: Identity, crossingEventId: string): string {
  const hash = createHash('sha256').update(`${rule}\n${identityText(identity)}\n${crossingEventId}`)
  return `inc_${hash.digest('hex').slice(0, INCIDENT_DIGITS)}`
}

function isAllowed(policy: WholePolicy, identity: Identity, { event }: LogEvent): boolean {
  const { allowedIdentities, allowedAddresses } = policy
  if (allowedIdentities.has(identity.user) || allowedIdentities.has(identityText(identity))) return true
  const { address } = event.data as { address?: string }
  return (
    address !== undefined && (allowedAddresses.has(address) || allowedAddresses.has(addressGroup(address)))
  )
}

function isLeftAlone(status: RuleStatus, rule: string, identity: Identity, entry: LogEvent): boolean {
  const atMs = entry.storedAtMs
  if (atMs <= status.clearedAtMs || atMs < status.graceUntilMs) return true
  // The crossing event itself, read again after a restart, leads to its incident again: carrying it out is idempotent.
  // A throttled identity crosses with every event: the hash is made only where it can be that one.
  const isItself = (incident: string) => incident === incidentId(rule, identity, entry.event.id)
  return status.suppressions.some(
    each =>
      each.sinceMs <= atMs && atMs < each.untilMs && !(each.sinceMs === atMs && isItself(each.incident)),
  )
}

function decisionOf(
  finding: Finding,
  rule: RuleName,
  identity: Identity,
  about: Pick<Decision, 'id' | 'incident' | 'findings'>,
  violations: number,
  policy: WholePolicy,
  { stream, sequence, storedAtMs: atMs, event }: TimedEvent,
): Decision {
  const { action } = policy.rules[rule]
  // Callers that are counted together have no address that a gateway could refuse.
  const isObserved =
    action.kind === 'observe' || ('address' in event.data && event.data.address === OTHER_ADDRESSES)
  const durationMs = penaltyMs(policy, rule, violations)
  const untilMs = atMs + durationMs
  const explanation = (
    finding.explanation + (violations > 0 ? again(violations, durationMs, policy) : '')
  ).slice(0, MAX_EXPLANATION_CHARS)
  const numbers = violations > 0 ? { ...finding.numbers, offencesBefore: violations } : finding.numbers
  const endStreams = action.endStreams ?? policy.penalty.endStreams
  const throttle: Throttle | undefined = isObserved
    ? undefined
    : {
        capacity: action.kind === 'block' ? 0 : (action.capacity ?? policy.penalty.capacity),
        refillRate: action.kind === 'block' ? 0 : (action.refillRate ?? policy.penalty.refillRate),
        imposedAt: atMs,
        until: untilMs,
        reason: explanation.slice(0, MAX_REASON_CHARS),
        rule,
        ...(endStreams === undefined ? {} : { endStreams }),
        actor: GUARD_ACTOR,
        incident: about.incident,
      }
  return {
    ...finding,
    explanation,
    numbers,
    ...about,
    identity,
    rule,
    stream,
    sequence,
    atMs,
    action: isObserved ? 'observe' : action.kind,
    untilMs,
    throttle,
  }
}

function again(violations: number, durationMs: number, { repeat }: WholePolicy): string {
  const times = violations === 1 ? 'once' : `${violations} times`
  return (
    ` Found ${times} before within ${repeat.windowMs / 3_600_000} h, so the penalty is ` +
    `${durationMs / 1_000} s.`
  )
}
