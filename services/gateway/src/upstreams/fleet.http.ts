import { SlotList } from '@fluxgate/runtime'
import type { Attempt } from './attempt.http.ts'
import { chooseOne } from './choose.ts'
import type { Asked } from './circuits.ts'
import { type LiveDeps, LiveUpstream } from './live-upstream.http.ts'
import { fallbacksOf } from './model-names.ts'
import { RetryBudget } from './retry-budget.ts'
import type { RoutingPolicy } from './routing-policy.ts'
import type { UpstreamError } from './upstream.ts'
import { allAway, NO_UPSTREAM, unknownModel } from './upstream-errors.http.ts'
import type { DialectName, RoutingPlan } from './upstream-spec.ts'

/** Routes are remembered by model name, which callers choose. */
const MAX_ROUTES = 2_000
/** How often answers are looked at for silence. */
const LOOK_EVERY_MS = 100

export type Picked =
  | { readonly kind: 'picked'; readonly upstream: LiveUpstream }
  | { readonly kind: 'full' }
  | { readonly kind: 'none'; readonly error: UpstreamError }

/** A call that waits for a place. */
export interface Waiting {
  readonly route: readonly LiveUpstream[]
  /** A place may be free. @returns whether it was taken */
  tryAgain(): boolean
}

const FULL: Picked = Object.freeze({ kind: 'full' })

/** All upstreams of the plan in force, and the calls that wait for one. */
export class Fleet {
  readonly deps: LiveDeps
  readonly counts = { retries: 0, fallbacks: 0, retriesSpared: 0 }
  policy: RoutingPolicy
  budget: RetryBudget
  #plan: RoutingPlan
  #live: readonly LiveUpstream[] = []
  readonly #retiring = new Set<LiveUpstream>()
  /** By dialect and model. */
  readonly #routes = new Map<string, readonly LiveUpstream[]>()
  readonly #waiting = new Set<Waiting>()
  /** Attempts whose answer is on its way: each is ended when it has been silent for too long. */
  readonly watched = new SlotList<Attempt>()
  readonly #timer: NodeJS.Timeout

  constructor(plan: RoutingPlan, deps: LiveDeps) {
    this.deps = deps
    this.#plan = plan
    this.policy = plan.policy
    this.budget = new RetryBudget(plan.policy.retry, deps.nowMs())
    this.#timer = setInterval(() => this.#endSilent(), LOOK_EVERY_MS)
    this.#timer.unref()
    this.apply(plan)
  }

  get live(): readonly LiveUpstream[] {
    return this.#live
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Puts a plan in force. Upstreams that stay as they are keep their connections and their circuits. */
  apply(plan: RoutingPlan): void {
    const before = new Map(this.#live.map(upstream => [upstream.spec.name, upstream]))
    const sameCircuit = isSame(plan.policy.circuit, this.policy.circuit)
    const sameRetry = isSame(plan.policy.retry, this.policy.retry)
    this.#live = plan.upstreams.map(spec => {
      const retained = before.get(spec.name)
      if (!retained || !sameCircuit || !isSame(retained.spec, spec))
        return new LiveUpstream(spec, plan.policy.circuit, this.deps)
      before.delete(spec.name)
      return retained
    })
    this.#plan = plan
    this.policy = plan.policy
    if (!sameRetry) this.budget = new RetryBudget(plan.policy.retry, this.deps.nowMs())
    this.#routes.clear()
    for (const gone of before.values()) {
      this.#retiring.add(gone)
      void gone.retire().then(() => this.#retiring.delete(gone))
    }
    for (const waiting of [...this.#waiting]) waiting.tryAgain()
  }

  /** Those that serve a model in a dialect, up or not. */
  routeOf(model: string, dialect: DialectName): readonly LiveUpstream[] {
    const name = `${dialect} ${model}`
    const known = this.#routes.get(name)
    if (known) return known
    const route = this.#live.filter(
      ({ spec, names }) => spec.dialects.includes(dialect) && names.ownName(model) !== undefined,
    )
    if (this.#routes.size >= MAX_ROUTES) this.#routes.clear()
    this.#routes.set(name, route)
    return route
  }

  fallbacksOf(model: string): readonly string[] {
    return fallbacksOf(this.#plan.fallbacks, model)
  }

  /** An upstream that can take a call now; those not tried yet, and those that do not rest, before the others. */
  pick(route: readonly LiveUpstream[], tried: readonly LiveUpstream[], asked: Asked): Picked {
    const { nowMs, random } = this.deps
    const now = nowMs()
    const only = route[0]
    if (only && route.length === 1 && only.isUp(now, asked) && !only.full)
      return { kind: 'picked', upstream: only }
    const up = route.filter(upstream => upstream.isUp(now, asked))
    if (up.length === 0) return { kind: 'none', error: this.#whyNone(route, asked, now) }
    const free = up.filter(upstream => !upstream.full)
    if (free.length === 0) return FULL
    const fresh = free.filter(upstream => !tried.includes(upstream))
    const awake = fresh.filter(upstream => !upstream.isResting(now))
    const best = awake.length > 0 ? awake : fresh.length > 0 ? fresh : free
    return { kind: 'picked', upstream: chooseOne(best, random) ?? free[0]! }
  }

  /** Whether an upstream that was not tried yet, and is not resting, could take a call. */
  hasAnother(route: readonly LiveUpstream[], tried: readonly LiveUpstream[], asked: Asked): boolean {
    const now = this.deps.nowMs()
    return route.some(
      upstream =>
        !tried.includes(upstream) && upstream.isUp(now, asked) && !upstream.full && !upstream.isResting(now),
    )
  }

  /** Takes a call into the queue, if there is room. */
  wait(waiting: Waiting): boolean {
    if (this.#waiting.size >= this.policy.queue.maxWaiting) return false
    this.#waiting.add(waiting)
    return true
  }

  leave(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }

  /** A call of the upstream has ended: its place goes to the one that has waited longest for it. */
  released(upstream: LiveUpstream): void {
    upstream.inFlight--
    if (this.#waiting.size === 0) return
    for (const waiting of this.#waiting) {
      if (waiting.route.includes(upstream) && waiting.tryAgain()) return
    }
  }

  #endSilent(): void {
    const nowMs = this.deps.nowMs()
    for (const attempt of this.watched) attempt.endIfSilent(nowMs)
  }

  async destroy(): Promise<void> {
    clearInterval(this.#timer)
    const all = [...this.#live, ...this.#retiring]
    this.#live = []
    this.#routes.clear()
    await Promise.all(all.map(upstream => upstream.destroy()))
  }

  #whyNone(route: readonly LiveUpstream[], asked: Asked, now: number): UpstreamError {
    if (route.length > 0) return allAway(Math.min(...route.map(upstream => upstream.backInMs(now, asked))))
    return this.#live.length === 0 ? NO_UPSTREAM() : unknownModel(asked.model)
  }
}

/** Both are plain data, with their members in the same order. */
function isSame(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
