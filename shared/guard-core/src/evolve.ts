import { type EventNamed, type Identity, identityText, type LogEvent } from '@fluxgate/contracts'
import { noteFinding } from './attack.ts'
import type { TimedEvent } from './rule.ts'
import { isOver, penaltyMs, ruleStatusOf, suppress, violationsAt } from './rule-status.ts'
import { HISTORY, MAX_LATENESS_MS } from './source-clocks.ts'
import { GUARD_ACTOR, type GuardState, type RuleState } from './state.ts'
import type { WholePolicy } from './whole-policy.ts'

/** SweepingMap looked at for idleness with each event, and once more with each new one: they go faster than new ones come. */
const SWEPT_PER_FACT = 1
/** Who may pardon without being a person. */
const SERVICES: ReadonlySet<string> = new Set([GUARD_ACTOR, 'system'])

/**
 * State and event → state, for one rule. The state given is changed: a copy for each event would cost more than all the
 * rest. The policy says how long memory reaches; nothing is decided here.
 * @returns the memory that the event is counted in, if the rule looks at it and it is not too old to be counted
 */
export function evolve(state: RuleState, entry: TimedEvent, policy: WholePolicy): unknown {
  const { rule, memories } = state
  if (!policy.rules[rule.name].enabled) return undefined
  const key = rule.keyOf(entry, policy)
  if (key === undefined) return undefined
  const atMs = entry.storedAtMs
  const before = memories.get(key)
  let memory = before
  if (atMs > (state.statuses.get(key)?.clearedAtMs ?? Number.NEGATIVE_INFINITY)) {
    memory = rule.evolve(before, entry, policy)
    if (memory === undefined) {
      if (before !== undefined) memories.delete(key)
    } else if (memory !== before) memories.set(key, memory)
  }
  forgetIdle(state, atMs, policy, before === undefined ? SWEPT_PER_FACT + 1 : SWEPT_PER_FACT)
  return entry.atMs === HISTORY ? undefined : memory
}

/** Applies what other streams hold that concerns the rules of this one: a pardon, or an incident that was opened before a restart. */
export function evolveAll(state: GuardState, { event, storedAtMs }: LogEvent, policy: WholePolicy): void {
  if (event.type === 'fluxgate.throttles.pardoned') {
    for (const each of state) pardon(each, event.data, storedAtMs, policy)
  } else if (isFindingEvent(event)) {
    for (const each of state) if (each.rule.name === event.data.rule) recall(each, event, policy)
  }
}

type FindingEvent = EventNamed<'incidents.opened' | 'throttles.shadowed' | 'throttles.imposed'>

/** What says that a rule has found somebody. A throttle that joined an incident is all that says so of its identity. */
export function isFindingEvent(event: LogEvent['event']): event is FindingEvent {
  return (
    event.type === 'fluxgate.incidents.opened' ||
    event.type === 'fluxgate.throttles.shadowed' ||
    (event.type === 'fluxgate.throttles.imposed' && event.data.actor === GUARD_ACTOR)
  )
}

function forgetIdle(
  { rule, memories, statuses }: RuleState,
  atMs: number,
  policy: WholePolicy,
  swept: number,
): void {
  // Windows count by when things happened, which may be that much earlier.
  const idleMs = atMs - MAX_LATENESS_MS
  for (let i = 0; i < swept; i++) {
    const memory = memories.next()
    if (memory && rule.isIdle(memory[1], idleMs, policy)) memories.delete(memory[0])
    const status = statuses.next()
    if (status && isOver(status[1], atMs, policy)) statuses.delete(status[0])
  }
}

/** Its event's own time is that of the event that crossed the threshold. */
function recall(state: RuleState, event: FindingEvent, policy: WholePolicy): void {
  const { incident, until } = event.data
  if (incident === undefined) return
  const key = identityText(event.data)
  const sinceMs = Date.parse(event.time)
  const violations = violationsAt(state.statuses.get(key), sinceMs, policy)
  const untilMs = until ?? sinceMs + penaltyMs(policy, state.rule.name, violations)
  if (suppress(state, key, { incident, sinceMs, untilMs })) noteFinding(state, event.data, incident, sinceMs)
}

function pardon(
  state: RuleState,
  pardoned: Identity & { actor: string; incident?: string },
  atMs: number,
  policy: WholePolicy,
): void {
  const key = identityText(pardoned)
  const status = ruleStatusOf(state, key)
  const running = status.suppressions.filter(({ sinceMs, untilMs }) => sinceMs <= atMs && atMs < untilMs)
  for (const suppression of running) suppression.untilMs = atMs
  status.clearedAtMs = Math.max(status.clearedAtMs, atMs)
  if (!SERVICES.has(pardoned.actor)) {
    status.forgivenAtMs = atMs
    if (running.length > 0 || pardoned.incident === undefined) status.graceUntilMs = atMs + policy.graceMs
  }
  state.memories.delete(key)
}
