import type { GuardPolicy } from '@fluxgate/contracts'
import { type Decision, decide } from './decide.ts'
import { evolve, quieten } from './evolve.ts'
import type { Fact } from './fact.ts'
import { emptyState, type GuardState } from './state.ts'

/** Pardons that wait for their turn, at the most. */
const MAX_HELD = 10_000

/**
 * Folds the spending of tokens in the order of its stream, with the pardons of the other stream put in by time. Without
 * that order a restart, which reads one stream far behind the other, would decide otherwise than was decided before.
 */
export class Fold {
  #state: GuardState
  #held: Fact[] = []

  constructor(state: GuardState = emptyState()) {
    this.#state = state
  }

  get state(): GuardState {
    return this.#state
  }

  /** A fact of another stream, in that stream's order: it counts from its own time on. */
  hold(fact: Fact, policy: GuardPolicy): void {
    if (fact.event.type !== 'fluxgate.throttles.pardoned') return
    this.#held.push(fact)
    if (this.#held.length > MAX_HELD) this.#state = evolve(this.#state, this.#held.shift()!, policy)
  }

  /** Remembers a fact and decides nothing: for what was decided before a restart. */
  remember(fact: Fact, policy: GuardPolicy): void {
    this.#release(fact.storedAtMs, policy)
    this.#state = evolve(this.#state, fact, policy)
  }

  /** Remembers a fact and decides about it. */
  fold(fact: Fact, policy: GuardPolicy): Decision[] {
    this.remember(fact, policy)
    const decisions = decide(this.#state, policy, fact)
    for (const { identity, incident, rule, throttle } of decisions) {
      const quiet = { incident, rule, sinceMs: throttle.imposedAt, untilMs: throttle.until }
      quieten(this.#state, identity, quiet)
    }
    return decisions
  }

  #release(atMs: number, policy: GuardPolicy): void {
    while (this.#held.length > 0 && this.#held[0]!.storedAtMs <= atMs) {
      this.#state = evolve(this.#state, this.#held.shift()!, policy)
    }
  }
}
