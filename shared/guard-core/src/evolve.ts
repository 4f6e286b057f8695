import { type EventNamed, type Identity, identityText } from '@fluxgate/contracts'
import type { Fact } from './fact.ts'
import { isOver, offencesAt, penaltyMs, quieten, standingOf } from './standing.ts'
import { GUARD_ACTOR, type GuardState, type RuleState } from './state.ts'
import type { WholePolicy } from './whole-policy.ts'

/** Memories looked at for idleness with each fact: enough to go round faster than new ones come. */
const SWEPT_PER_FACT = 2
/** Who may pardon without being a person. */
const SERVICES: ReadonlySet<string> = new Set([GUARD_ACTOR, 'system'])

/**
 * State and event → state. The state given is changed and returned: a copy for each event would cost more than all the
 * rest. The policy says how long memory reaches; nothing is decided here.
 */
export function evolve(state: GuardState, fact: Fact, policy: WholePolicy): GuardState {
  const { event } = fact
  if (event.type === 'fluxgate.throttles.pardoned') {
    for (const each of state) pardon(each, event.data, fact.storedAtMs, policy)
  } else if (event.type === 'fluxgate.incidents.opened' || event.type === 'fluxgate.throttles.shadowed') {
    for (const each of state) if (each.rule.name === event.data.rule) recall(each, event, policy)
  } else {
    for (const each of state) remember(each, fact, policy)
  }
  return state
}

function remember(state: RuleState, fact: Fact, policy: WholePolicy): void {
  const { rule, memories } = state
  if (!policy.rules[rule.name].enabled) return
  const key = rule.keyOf(fact, policy)
  if (key === undefined) return
  const atMs = fact.storedAtMs
  if (atMs > (state.standings.get(key)?.clearedAtMs ?? Number.NEGATIVE_INFINITY)) {
    const before = memories.get(key)
    const memory = rule.evolve(before, fact, policy)
    if (memory === undefined) {
      if (before !== undefined) memories.delete(key)
    } else if (memory !== before) memories.set(key, memory)
  }
  forgetIdle(state, atMs, policy)
}

function forgetIdle({ rule, memories, standings }: RuleState, atMs: number, policy: WholePolicy): void {
  for (let i = 0; i < SWEPT_PER_FACT; i++) {
    const memory = memories.next()
    if (memory && rule.isIdle(memory[1], atMs, policy)) memories.delete(memory[0])
    const standing = standings.next()
    if (standing && isOver(standing[1], atMs, policy)) standings.delete(standing[0])
  }
}

/** An incident that was told before a restart. Its event's own time is that of the fact that crossed the threshold. */
function recall(
  state: RuleState,
  event: EventNamed<'incidents.opened' | 'throttles.shadowed'>,
  policy: WholePolicy,
): void {
  const { incident, until } = event.data
  const key = identityText(event.data)
  const sinceMs = Date.parse(event.time)
  const offences = offencesAt(state.standings.get(key), sinceMs, policy)
  const untilMs = until ?? sinceMs + penaltyMs(policy, state.rule.name, offences)
  quieten(state, key, { incident, sinceMs, untilMs })
}

function pardon(
  state: RuleState,
  pardoned: Identity & { actor: string; incident?: string },
  atMs: number,
  policy: WholePolicy,
): void {
  const key = identityText(pardoned)
  const standing = standingOf(state, key)
  const running = standing.told.filter(({ sinceMs, untilMs }) => sinceMs <= atMs && atMs < untilMs)
  for (const told of running) told.untilMs = atMs
  standing.clearedAtMs = Math.max(standing.clearedAtMs, atMs)
  if (!SERVICES.has(pardoned.actor)) {
    standing.forgivenAtMs = atMs
    if (running.length > 0 || pardoned.incident === undefined) standing.graceUntilMs = atMs + policy.graceMs
  }
  state.memories.delete(key)
}
