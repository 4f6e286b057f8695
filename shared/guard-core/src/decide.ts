import { createHash } from 'node:crypto'
import {
  addressGroup,
  type GuardAction,
  type Identity,
  identityText,
  OTHER_ADDRESSES,
  type Throttle,
} from '@fluxgate/contracts'
import { campaignOf } from './campaign.ts'
import type { Fact, TimedFact } from './fact.ts'
import type { Finding } from './rule.ts'
import { offencesAt, penaltyMs } from './standing.ts'
import { GUARD_ACTOR, type RuleState, type Standing } from './state.ts'
import type { RuleName, WholePolicy } from './whole-policy.ts'

const INCIDENT_DIGITS = 24
const MAX_REASON_CHARS = 256
const MAX_EXPLANATION_CHARS = 3_900

/** What is to be done about a finding: an incident to open, and the throttle that answers it. */
export interface Decision extends Finding {
  /** The same rule, identity and crossing event are the same decision, whoever decides and how often. */
  readonly id: string
  /** That of the decision, or of the campaign that it joins. */
  readonly incident: string
  /** Findings that the incident holds with this one; more than 1 when it joins a campaign. */
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

/** Looks at the memory that `fact` was counted in, as of its own time. Nothing else than rule, policy and fact has a say. */
export function decide(
  state: RuleState,
  memory: unknown,
  fact: TimedFact,
  policy: WholePolicy,
): Decision | undefined {
  const { rule, standings } = state
  const identity = rule.crossedBy(memory, fact, policy)
  if (!identity || isAllowed(policy, identity, fact)) return undefined
  const standing = standings.get(identityText(identity))
  if (standing && isLeftAlone(standing, rule.name, identity, fact)) return undefined
  const id = incidentId(rule.name, identity, fact.event.id)
  const campaign = campaignOf(state, identity, fact.storedAtMs)
  // The event that began the campaign, read again after a restart.
  const joined = campaign?.incident === id ? undefined : campaign
  const about = { id, incident: joined?.incident ?? id, findings: (joined?.findings ?? 0) + 1 }
  const offences = offencesAt(standing, fact.storedAtMs, policy)
  return decisionOf(rule.explain(memory, fact, policy), rule.name, identity, about, offences, policy, fact)
}

export function incidentId(rule: string, identity: Identity, crossingEventId: string): string {
  const hash = createHash('sha256').update(`${rule}\n${identityText(identity)}\n${crossingEventId}`)
  return `inc_${hash.digest('hex').slice(0, INCIDENT_DIGITS)}`
}

function isAllowed(policy: WholePolicy, identity: Identity, { event }: Fact): boolean {
  const { allowedIdentities, allowedAddresses } = policy
  if (allowedIdentities.has(identity.user) || allowedIdentities.has(identityText(identity))) return true
  const { address } = event.data as { address?: string }
  return (
    address !== undefined && (allowedAddresses.has(address) || allowedAddresses.has(addressGroup(address)))
  )
}

function isLeftAlone(standing: Standing, rule: string, identity: Identity, fact: Fact): boolean {
  const atMs = fact.storedAtMs
  if (atMs <= standing.clearedAtMs || atMs < standing.graceUntilMs) return true
  // The crossing event itself, read again after a restart, leads to its incident again: carrying it out is idempotent.
  // A throttled identity crosses with every event: the hash is made only where it can be that one.
  const isItself = (incident: string) => incident === incidentId(rule, identity, fact.event.id)
  return standing.told.some(
    told =>
      told.sinceMs <= atMs && atMs < told.untilMs && !(told.sinceMs === atMs && isItself(told.incident)),
  )
}

function decisionOf(
  finding: Finding,
  rule: RuleName,
  identity: Identity,
  about: Pick<Decision, 'id' | 'incident' | 'findings'>,
  offences: number,
  policy: WholePolicy,
  { stream, sequence, storedAtMs: atMs, event }: TimedFact,
): Decision {
  const { action } = policy.rules[rule]
  // Callers that are counted together have no address that a gateway could refuse.
  const isObserved =
    action.kind === 'observe' || ('address' in event.data && event.data.address === OTHER_ADDRESSES)
  const durationMs = penaltyMs(policy, rule, offences)
  const untilMs = atMs + durationMs
  const explanation = (finding.explanation + (offences > 0 ? again(offences, durationMs, policy) : '')).slice(
    0,
    MAX_EXPLANATION_CHARS,
  )
  const numbers = offences > 0 ? { ...finding.numbers, offencesBefore: offences } : finding.numbers
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

function again(offences: number, durationMs: number, { repeat }: WholePolicy): string {
  const times = offences === 1 ? 'once' : `${offences} times`
  return (
    ` Found ${times} before within ${repeat.windowMs / 3_600_000} h, so the penalty is ` +
    `${durationMs / 1_000} s.`
  )
}
