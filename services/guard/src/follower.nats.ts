import type { FoldedUpTo, GuardProgress } from '@fluxgate/contracts'
import { STREAMS } from '@fluxgate/contracts'
import { RULE_STREAMS } from '@fluxgate/guard-core'
import { buryFailures, type EventBatch, follow, handleEach, type NatsLink } from '@fluxgate/nats'
import { Folds, type Policies, type Verdict } from './folds.ts'
import { restore } from './restore.nats.ts'

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

/**
 * Follows the log and decides. RuleStatus by, it keeps its decisions to itself: who leads carries out the same ones, since
 * the same events lead to them. So that a takeover has no window to replay, and is as fast under load as without.
 */
export interface Follower extends AsyncDisposable {
  readonly folds: Folds
  positions(): GuardProgress
  /** Whether every event after `positions` was decided about here. */
  covers(positions: GuardProgress): boolean
  /**
   * Carries out what was decided after `from`, and from now on what is decided.
   * @param heads up to here the leader before us may have carried decisions out
   */
  takeOver(hooks: LeaderHooks, from: GuardProgress, heads: Readonly<Record<string, number>>): Promise<void>
}

export interface FollowerParts {
  readonly link: NatsLink
  readonly nowMs: () => number
  policies(): Policies
  onFolded(batch: EventBatch): void
  /** The stream has dropped so many events before they were read. */
  onMissed(stream: string, events: number): void
}

/** @param stored where to begin to decide; without it at the end of the log */
export async function startFollower(
  { link, nowMs, policies, onFolded, onMissed }: FollowerParts,
  stored: GuardProgress | undefined,
  signal: AbortSignal,
): Promise<Follower> {
  const folds = new Folds()
  const restored = await restore(link, folds, stored, policies(), nowMs(), signal, onMissed)
  const begun: Record<string, FoldedUpTo> = { ...restored.positions }
  const positions: Record<string, FoldedUpTo> = { ...restored.positions }
  /** Streams that were made anew since: positions in the one of before say nothing about them. */
  const anew = new Set<string>()
  /** The last message of each stream that was read or is known to be gone. */
  const reached: Record<string, number> = {}
  for (const [stream, { sequence }] of Object.entries(begun)) {
    reached[stream] = Math.max(sequence, restored.dropped[stream] ?? 0)
  }
  const stop = new AbortController()
  let waiting: Verdict[] = []
  let leading: { hooks: LeaderHooks; heads: Readonly<Record<string, number>> } | undefined

  function keep(verdicts: readonly Verdict[]): void {
    for (const verdict of verdicts) waiting.push(verdict)
    if (waiting.length <= MAX_WAITING) return
    for (const { decision } of waiting.splice(0, waiting.length - MAX_WAITING)) {
      begun[decision.stream] = { sequence: decision.sequence, storedAtMs: decision.atMs }
    }
  }

  async function take(batch: EventBatch): Promise<void> {
    const leader = leading
    if (leader && !leader.hooks.leads()) return
    const missed = batch.firstSequence - 1 - reached[batch.stream]!
    if (missed > 0) onMissed(batch.stream, missed)
    reached[batch.stream] = batch.lastSequence
    const present = policies()
    const verdicts: Verdict[] = []
    const failures = handleEach(batch.events, entry => folds.fold(entry, present, verdicts))
    await buryFailures(link, NAME, failures, stop.signal)
    onFolded(batch)
    if (!leader) keep(verdicts)
    else if (verdicts.length > 0) {
      const { hooks, heads } = leader
      const head = heads[batch.stream] ?? 0
      await Promise.all(
        verdicts.map(verdict => hooks.applyDecision(verdict, verdict.decision.sequence <= head)),
      )
      if (!hooks.leads()) return
    }
    positions[batch.stream] = { sequence: batch.lastSequence, storedAtMs: batch.lastStoredAtMs }
    leader?.hooks.done({ ...positions }, verdicts.length)
  }

  const stack = new AsyncDisposableStack()
  const name = NAME
  const throttles = { name, stream: STREAMS.throttles, from: { sequence: restored.throttlesHead + 1 } }
  stack.defer(() => stop.abort())
  stack.use(
    follow(link, throttles, async batch => {
      const failures = handleEach(batch.events, entry => folds.remember(entry, policies()))
      await buryFailures(link, NAME, failures, stop.signal)
    }),
  )
  for (const stream of RULE_STREAMS) {
    const from = { sequence: begun[stream]!.sequence + 1 }
    const onAnew = () => {
      anew.add(stream)
      begun[stream] = { sequence: 0, storedAtMs: 0 }
      reached[stream] = 0
    }
    stack.use(follow(link, { name, stream, from, maxBatch: MAX_BATCH, onAnew }, take))
  }

  return {
    folds,
    positions: () => ({ ...positions }),
    covers: wanted =>
      Object.entries(wanted).every(([stream, { sequence }]) => sequence >= (begun[stream]?.sequence ?? 0)),
    async takeOver(hooks, from, heads) {
      while (waiting.length > 0 && hooks.leads()) {
        const verdicts = waiting.filter(
          ({ decision: { stream, sequence } }) =>
            anew.has(stream) || sequence > Math.min(from[stream]?.sequence ?? 0, heads[stream] ?? 0),
        )
        waiting = []
        await Promise.all(verdicts.map(verdict => hooks.applyDecision(verdict, true)))
      }
      leading = { hooks, heads }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
