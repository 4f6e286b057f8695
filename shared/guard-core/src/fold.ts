import { identityText, type LogEvent } from '@fluxgate/contracts'
import { noteFinding } from './attack.ts'
import { type Decision, decide } from './decide.ts'
import { evolve, evolveAll, isFindingEvent } from './evolve.ts'
import { placeNumber } from './place.ts'
import type { Rule, TimedEvent } from './rule.ts'
import { suppress } from './rule-status.ts'
import { RULES } from './rules/index.ts'
import { SourceClocks } from './source-clocks.ts'
import { emptyState, type GuardState } from './state.ts'
import type { WholePolicy } from './whole-policy.ts'

/** Pardons and incidents that wait for their turn in one stream, at the most. */
const MAX_WAITING = 10_000
/** Keys that one rule remembers, at the most. */
const MAX_KEYS = 200_000

interface Waiting {
  readonly entry: LogEvent
  /** From here on it counts. */
  readonly atMs: number
}

const NONE: readonly Decision[] = []

/** The rules of one stream, and what other streams hold that is ahead of it, in the order of time. */
interface Lane {
  readonly state: GuardState
  readonly waiting: Waiting[]
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
        return [stream, { state: emptyState(reading, maxKeys), waiting: [], clocks: new SourceClocks() }]
      }),
    )
  }

  /** Rule → keys that it remembers, and identities that it has a standing of. */
  sizes(): Map<string, { keys: number; statuses: number }> {
    const sizes = new Map<string, { keys: number; statuses: number }>()
    for (const { rule, memories, statuses } of [...this.#lanes.values()].flatMap(({ state }) => state)) {
      const { keys, statuses: others } = sizes.get(rule.name) ?? { keys: 0, statuses: 0 }
      sizes.set(rule.name, { keys: keys + memories.size, statuses: others + statuses.size })
    }
    return sizes
  }

  /** Remembers an event and decides nothing: for what was decided before a restart. */
  remember(entry: LogEvent, policy: WholePolicy): void {
    const { event } = entry
    if (event.type === 'fluxgate.throttles.pardoned') this.#hold({ entry, atMs: entry.storedAtMs }, policy)
    else if (isFindingEvent(event)) {
      // Its own time is that of the event that crossed the threshold.
      this.#hold({ entry, atMs: Date.parse(event.time) }, policy)
    } else {
      const lane = this.#lanes.get(entry.stream)
      if (!lane) return
      catchUp(lane, entry.storedAtMs, policy)
      const timed = timedIn(lane, entry)
      for (const state of lane.state) evolve(state, timed, policy)
    }
  }

  /** Remembers an event and decides about it. A pardon counts from its own time on, in each stream. */
  fold(entry: LogEvent, policy: WholePolicy): readonly Decision[] {
    const lane = this.#lanes.get(entry.stream)
    if (!lane) {
      if (entry.event.type === 'fluxgate.throttles.pardoned') this.remember(entry, policy)
      return NONE
    }
    catchUp(lane, entry.storedAtMs, policy)
    const timed = timedIn(lane, entry)
    let decisions: Decision[] | undefined
    for (const state of lane.state) {
      const memory = evolve(state, timed, policy)
      const decision = memory === undefined ? undefined : decide(state, memory, timed, policy)
      if (!decision) continue
      const { identity, incident, atMs: sinceMs, untilMs } = decision
      if (suppress(state, identityText(identity), { incident, sinceMs, untilMs }))
        noteFinding(state, identity, incident, sinceMs)
      decisions ??= []
      decisions.push(decision)
    }
    return decisions ?? NONE
  }

  #hold(next: Waiting, policy: WholePolicy): void {
    for (const { state, waiting } of this.#lanes.values()) {
      let index = waiting.length
      while (index > 0 && waiting[index - 1]!.atMs > next.atMs) index--
      waiting.splice(index, 0, next)
      if (waiting.length > MAX_WAITING) evolveAll(state, waiting.shift()!.entry, policy)
    }
  }
}

function timedIn({ clocks }: Lane, entry: LogEvent): TimedEvent {
  const { stream, sequence, index, storedAtMs, event } = entry
  const place = placeNumber(sequence, index)
  return { stream, sequence, place, storedAtMs, event, atMs: clocks.timeOf(entry) }
}

/** Applies what other streams hold of the time up to here. */
function catchUp({ state, waiting }: Lane, atMs: number, policy: WholePolicy): void {
  while (waiting.length > 0 && waiting[0]!.atMs <= atMs) evolveAll(state, waiting.shift()!.entry, policy)
}
