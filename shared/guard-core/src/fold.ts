import { identityText } from '@fluxgate/contracts'
import { noteFinding } from './campaign.ts'
import { type Decision, decide } from './decide.ts'
import { evolve, evolveAll, isTold } from './evolve.ts'
import type { Fact, TimedFact } from './fact.ts'
import type { Rule } from './rule.ts'
import { RULES } from './rules.ts'
import { SourceClocks } from './source-clocks.ts'
import { quieten } from './standing.ts'
import { emptyState, type GuardState } from './state.ts'
import type { WholePolicy } from './whole-policy.ts'

/** Pardons and incidents that wait for their turn in one stream, at the most. */
const MAX_HELD = 10_000
/** Keys that one rule remembers, at the most. */
const MAX_KEYS = 200_000

interface Held {
  readonly fact: Fact
  /** From here on it counts. */
  readonly atMs: number
}

const NONE: readonly Decision[] = []

/** The rules of one stream, and what other streams told that is ahead of it, in the order of time. */
interface Lane {
  readonly state: GuardState
  readonly held: Held[]
  readonly clocks: SourceClocks
}

/**
 * Folds each stream in its own order, with the pardons put in by time. Streams may be read at different paces: no rule
 * looks at two of them. Without that order a restart, which reads one stream far behind the other, would decide
 * otherwise than was decided before.
 */
export class Fold {
  readonly #lanes: ReadonlyMap<string, Lane>

  constructor(rules: readonly Rule[] = RULES, maxKeys = MAX_KEYS) {
    const streams = new Set(rules.flatMap(rule => rule.streams))
    this.#lanes = new Map(
      [...streams].map(stream => {
        const reading = rules.filter(rule => rule.streams.includes(stream))
        return [stream, { state: emptyState(reading, maxKeys), held: [], clocks: new SourceClocks() }]
      }),
    )
  }

  /** Rule → keys that it remembers, and identities that it has a standing of. */
  sizes(): Map<string, { keys: number; standings: number }> {
    const sizes = new Map<string, { keys: number; standings: number }>()
    for (const { rule, memories, standings } of [...this.#lanes.values()].flatMap(({ state }) => state)) {
      const { keys, standings: others } = sizes.get(rule.name) ?? { keys: 0, standings: 0 }
      sizes.set(rule.name, { keys: keys + memories.size, standings: others + standings.size })
    }
    return sizes
  }

  /** Remembers a fact and decides nothing: for what was decided before a restart. */
  remember(fact: Fact, policy: WholePolicy): void {
    const { event } = fact
    if (event.type === 'fluxgate.throttles.pardoned') this.#hold({ fact, atMs: fact.storedAtMs }, policy)
    else if (isTold(event)) {
      // Its own time is that of the fact that crossed the threshold.
      this.#hold({ fact, atMs: Date.parse(event.time) }, policy)
    } else {
      const lane = this.#lanes.get(fact.stream)
      if (!lane) return
      catchUp(lane, fact.storedAtMs, policy)
      const timed = timedIn(lane, fact)
      for (const state of lane.state) evolve(state, timed, policy)
    }
  }

  /** Remembers a fact and decides about it. A pardon counts from its own time on, in each stream. */
  fold(fact: Fact, policy: WholePolicy): readonly Decision[] {
    const lane = this.#lanes.get(fact.stream)
    if (!lane) {
      if (fact.event.type === 'fluxgate.throttles.pardoned') this.remember(fact, policy)
      return NONE
    }
    catchUp(lane, fact.storedAtMs, policy)
    const timed = timedIn(lane, fact)
    let decisions: Decision[] | undefined
    for (const state of lane.state) {
      const memory = evolve(state, timed, policy)
      const decision = memory === undefined ? undefined : decide(state, memory, timed, policy)
      if (!decision) continue
      const { identity, incident, atMs: sinceMs, untilMs } = decision
      if (quieten(state, identityText(identity), { incident, sinceMs, untilMs }))
        noteFinding(state, identity, incident, sinceMs)
      decisions ??= []
      decisions.push(decision)
    }
    return decisions ?? NONE
  }

  #hold(waiting: Held, policy: WholePolicy): void {
    for (const { state, held } of this.#lanes.values()) {
      let place = held.length
      while (place > 0 && held[place - 1]!.atMs > waiting.atMs) place--
      held.splice(place, 0, waiting)
      if (held.length > MAX_HELD) evolveAll(state, held.shift()!.fact, policy)
    }
  }
}

function timedIn({ clocks }: Lane, fact: Fact): TimedFact {
  const { stream, sequence, storedAtMs, event } = fact
  return { stream, sequence, storedAtMs, event, atMs: clocks.timeOf(fact) }
}

/** What other streams told of the time up to here has its turn. */
function catchUp({ state, held }: Lane, atMs: number, policy: WholePolicy): void {
  while (held.length > 0 && held[0]!.atMs <= atMs) evolveAll(state, held.shift()!.fact, policy)
}
