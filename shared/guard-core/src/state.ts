import type { Rule } from './rule.ts'
import { RULES } from './rules.ts'

/** Who acts, in events and throttles that the guard makes. */
export const GUARD_ACTOR = 'guard'
/** Keys that one rule remembers, at the most: beyond it the one longest known is forgotten. */
const MAX_KEYS = 1_000_000

/** What stands between an identity and a new incident. Times are those of the log. */
export interface Standing {
  /** Our last incident about it: it is not told again until then. */
  quiet: Quiet | undefined
  /** A pardon forgets what was spent up to here. */
  clearedAtMs: number
  /** After a person's pardon the rule that had found it leaves it alone; all of them, when no rule had. */
  grace: { readonly rule: string | undefined; readonly untilMs: number } | undefined
}

export interface Quiet {
  readonly incident: string
  readonly rule: string
  readonly sinceMs: number
  readonly untilMs: number
}

/** All that the guard remembers: a fold of the log. */
export interface GuardState {
  readonly rules: readonly Rule[]
  /** By rule: key → memory. */
  readonly memories: ReadonlyMap<string, Memories<unknown>>
  /** Only identities that have a standing are here. */
  readonly standings: Memories<Standing>
}

export function emptyState(rules: readonly Rule[] = RULES, maxKeys = MAX_KEYS): GuardState {
  return {
    rules,
    memories: new Map(rules.map(rule => [rule.name, new Memories(maxKeys)])),
    standings: new Memories(maxKeys),
  }
}

/** A map that forgets: a few keys are looked at whenever it is used, and the idle ones go. */
export class Memories<M> {
  readonly #byKey = new Map<string, M>()
  readonly #maxKeys: number
  #sweep: MapIterator<[string, M]>

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys
    this.#sweep = this.#byKey.entries()
  }

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): M | undefined {
    return this.#byKey.get(key)
  }

  set(key: string, memory: M): void {
    this.#byKey.set(key, memory)
    if (this.#byKey.size > this.#maxKeys) this.#byKey.delete(this.#byKey.keys().next().value!)
  }

  delete(key: string): void {
    this.#byKey.delete(key)
  }

  /** Looks at the next `count` keys; all of them have their turn in time. */
  forgetIdle(isIdle: (memory: M) => boolean, count: number): void {
    for (let i = 0; i < count; i++) {
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = this.#byKey.entries()
        return
      }
      if (isIdle(next.value[1])) this.#byKey.delete(next.value[0])
    }
  }
}
