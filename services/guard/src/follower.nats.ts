import type { FoldedUpTo, GuardProgress } from '@fluxgate/contracts'
import { STREAMS } from '@fluxgate/contracts'
import { RULE_STREAMS } from '@fluxgate/guard-core'
import { buryFailures, type EventBatch, follow, handleEach, type NatsLink } from '@fluxgate/nats'
import { Folds, type Policies, type Verdict } from './folds.ts'
import { type Restored, restore } from './restore.nats.ts'

/** Events folded before their decisions are carried out, at the most: about a millisecond of folding. */
const MAX_BATCH = 256
/** Decisions that a standby keeps in case that the leader did not carry them out. */
const MAX_WAITING = 10_000
/** The same for leader and standby, so that what both cannot read or fold is buried once. */
const NAME = 'guard'

export interface LeaderHooks {
  /** Asked again after every wait: once false nothing is folded any more. */
  leads(): boolean
  /**
   * Resolves when the decision is carried out, or when this process leads no more.
   * @param again true when a leader before us may have decided it
   */
  applyDecision(verdict: Verdict, again: boolean): Promise<void>
  /** A batch is folded, and all that followed from it is done. */
  done(positions: GuardProgress, verdicts: number): void
}

export interface FollowerParts {
  readonly link: NatsLink
  readonly nowMs: () => number
  policies(): Policies
  onFolded(batch: EventBatch): void
  /** The stream has dropped so many events before they were read. */
  onMissed(stream: string, events: number): void
}

/**
 * Reads what the rules remember, then follows the log.
 * @param stored where to begin to decide; without it at the end of the log
 */
export async function startFollower(
  parts: FollowerParts,
  stored: GuardProgress | undefined,
  signal: AbortSignal,
): Promise<Follower> {
  const { link, policies, nowMs, onMissed } = parts
  const folds = new Folds()
  return new Follower(parts, folds, await restore(link, folds, stored, policies(), nowMs(), signal, onMissed))
}

/**
 * Follows the log and decides. Standing by, it keeps its decisions to itself: who leads carries out the same ones, since
 * the same events lead to them. So that a takeover has no window to replay, and is as fast under load as without.
 */
export class Follower implements AsyncDisposable {
  readonly folds: Folds
  readonly #parts: FollowerParts
  readonly #begun: Record<string, FoldedUpTo>
  readonly #positions: Record<string, FoldedUpTo>
  /** Streams that were made anew since: positions in the one of before say nothing about them. */
  readonly #anew = new Set<string>()
  /** The last message of each stream that was read or is known to be gone. */
  readonly #reached: Record<string, number> = {}
  readonly #stop = new AbortController()
  readonly #stack = new AsyncDisposableStack()
  #waiting: Verdict[] = []
  #leading: { hooks: LeaderHooks; heads: Readonly<Record<string, number>> } | undefined

  constructor(parts: FollowerParts, folds: Folds, restored: Restored) {
    this.#parts = parts
    this.folds = folds
    this.#begun = { ...restored.positions }
    this.#positions = { ...restored.positions }
    for (const [stream, { sequence }] of Object.entries(this.#begun)) {
      this.#reached[stream] = Math.max(sequence, restored.dropped[stream] ?? 0)
    }
    this.#stack.defer(() => this.#stop.abort())
    this.#followThrottles(restored.throttlesHead + 1)
    for (const stream of RULE_STREAMS) this.#followRuleStream(stream)
  }

  positions(): GuardProgress {
    return { ...this.#positions }
  }

  /** Whether every event after `positions` was decided about here. */
  covers(positions: GuardProgress): boolean {
    return Object.entries(positions).every(
      ([stream, { sequence }]) => sequence >= (this.#begun[stream]?.sequence ?? 0),
    )
  }

  /**
   * Carries out what was decided after `from`, and from now on what is decided.
   * @param heads up to here the leader before us may have carried decisions out
   */
  async takeOver(
    hooks: LeaderHooks,
    from: GuardProgress,
    heads: Readonly<Record<string, number>>,
  ): Promise<void> {
    while (this.#waiting.length > 0 && hooks.leads()) {
      const verdicts = this.#waiting.filter(
        ({ decision: { stream, sequence } }) =>
          this.#anew.has(stream) || sequence > Math.min(from[stream]?.sequence ?? 0, heads[stream] ?? 0),
      )
      this.#waiting = []
      await Promise.all(verdicts.map(verdict => hooks.applyDecision(verdict, true)))
    }
    this.#leading = { hooks, heads }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  #followThrottles(sequence: number): void {
    const from = { name: NAME, stream: STREAMS.throttles, from: { sequence } }
    this.#stack.use(
      follow(this.#parts.link, from, async batch => {
        const failures = handleEach(batch.events, entry => this.folds.remember(entry, this.#parts.policies()))
        await buryFailures(this.#parts.link, NAME, failures, this.#stop.signal)
      }),
    )
  }

  #followRuleStream(stream: string): void {
    const from = { sequence: this.#begun[stream]!.sequence + 1 }
    const onAnew = () => {
      this.#anew.add(stream)
      this.#begun[stream] = { sequence: 0, storedAtMs: 0 }
      this.#reached[stream] = 0
    }
    const options = { name: NAME, stream, from, maxBatch: MAX_BATCH, onAnew }
    this.#stack.use(follow(this.#parts.link, options, batch => this.#take(batch)))
  }

  async #take(batch: EventBatch): Promise<void> {
    const leader = this.#leading
    if (leader && !leader.hooks.leads()) return
    const { link, policies, onFolded, onMissed } = this.#parts
    const missed = batch.firstSequence - 1 - this.#reached[batch.stream]!
    if (missed > 0) onMissed(batch.stream, missed)
    this.#reached[batch.stream] = batch.lastSequence
    const present = policies()
    const verdicts: Verdict[] = []
    const failures = handleEach(batch.events, entry => this.folds.fold(entry, present, verdicts))
    await buryFailures(link, NAME, failures, this.#stop.signal)
    onFolded(batch)
    if (!leader) this.#keep(verdicts)
    else if (verdicts.length > 0) {
      const { hooks, heads } = leader
      const head = heads[batch.stream] ?? 0
      await Promise.all(
        verdicts.map(verdict => hooks.applyDecision(verdict, verdict.decision.sequence <= head)),
      )
      if (!hooks.leads()) return
    }
    this.#positions[batch.stream] = { sequence: batch.lastSequence, storedAtMs: batch.lastStoredAtMs }
    leader?.hooks.done(this.positions(), verdicts.length)
  }

  #keep(verdicts: readonly Verdict[]): void {
    const waiting = this.#waiting
    for (const verdict of verdicts) waiting.push(verdict)
    if (waiting.length <= MAX_WAITING) return
    for (const { decision } of waiting.splice(0, waiting.length - MAX_WAITING)) {
      this.#begun[decision.stream] = { sequence: decision.sequence, storedAtMs: decision.atMs }
    }
  }
}
