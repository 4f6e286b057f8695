import { type GuardPolicy, type Identity, identityText } from '@fluxgate/contracts'
import type { Fact } from './fact.ts'
import { GUARD_ACTOR, type GuardState, type Quiet, type Standing } from './state.ts'

/** Memories looked at for idleness with each fact: enough to go round faster than new ones come. */
const SWEPT_PER_FACT = 2
/** Who may pardon without being a person. */
const SERVICES: ReadonlySet<string> = new Set([GUARD_ACTOR, 'system'])

/**
 * State and event → state. The state given is changed and returned: a copy for each event would cost more than all the
 * rest. The policy says how long memory reaches; nothing is decided here.
 */
export function evolve(state: GuardState, fact: Fact, policy: GuardPolicy): GuardState {
  const { event, storedAtMs } = fact
  if (event.type === 'fluxgate.throttles.pardoned') {
    pardon(state, event.data, event.data.actor, storedAtMs, policy)
  } else if (event.type === 'fluxgate.incidents.opened') {
    const { incident, rule, until } = event.data
    // The event's own time is that of the event that crossed the threshold.
    const sinceMs = Date.parse(event.time)
    const untilMs = until ?? sinceMs + policy.penalty.durationMs
    quieten(state, event.data, { incident, rule, sinceMs, untilMs })
  } else {
    remember(state, fact, policy)
  }
  return state
}

/** After an incident the same identity is left alone for a time; a throttle holds it meanwhile. */
export function quieten(state: GuardState, identity: Identity, quiet: Quiet): void {
  standingOf(state, identity).quiet = quiet
}

function remember(state: GuardState, fact: Fact, policy: GuardPolicy): void {
  const atMs = fact.storedAtMs
  for (const rule of state.rules) {
    const key = rule.keyOf(fact)
    if (key === undefined) continue
    const memories = state.memories.get(rule.name)!
    if (atMs > (state.standings.get(key)?.clearedAtMs ?? Number.NEGATIVE_INFINITY)) {
      const before = memories.get(key)
      const memory = rule.evolve(before, fact, policy)
      if (memory !== before) memories.set(key, memory)
    }
    memories.forgetIdle(memory => rule.isIdle(memory, atMs), SWEPT_PER_FACT)
  }
  state.standings.forgetIdle(standing => isOver(standing, atMs), SWEPT_PER_FACT)
}

function pardon(
  state: GuardState,
  identity: Identity,
  actor: string,
  atMs: number,
  policy: GuardPolicy,
): void {
  const standing = standingOf(state, identity)
  const ended = standing.quiet && standing.quiet.sinceMs <= atMs ? standing.quiet : undefined
  if (ended) standing.quiet = undefined
  standing.clearedAtMs = Math.max(standing.clearedAtMs, atMs)
  if (!SERVICES.has(actor)) standing.grace = { rule: ended?.rule, untilMs: atMs + policy.graceMs }
  for (const memories of state.memories.values()) memories.delete(identityText(identity))
}

function standingOf(state: GuardState, identity: Identity): Standing {
  const key = identityText(identity)
  let standing = state.standings.get(key)
  if (!standing) {
    standing = { quiet: undefined, clearedAtMs: Number.NEGATIVE_INFINITY, grace: undefined }
    state.standings.set(key, standing)
  }
  return standing
}

function isOver({ quiet, grace, clearedAtMs }: Standing, atMs: number): boolean {
  return (quiet?.untilMs ?? 0) <= atMs && (grace?.untilMs ?? 0) <= atMs && clearedAtMs < atMs
}
