import { setTimeout as sleep } from 'node:timers/promises'
import type { GuardProgress, Throttle } from '@fluxgate/contracts'
import { RULE_STREAMS } from '@fluxgate/guard-core'
import { API_ERROR, type Bucket, isApiError, type NatsLink } from '@fluxgate/nats'
import { applyDecision, type Effects, expire, type Imposed } from './apply-decision.ts'
import type { Verdict } from './folds.ts'
import { type Follower, type FollowerParts, type LeaderHooks, startFollower } from './follower.nats.ts'
import type { Lease } from './lease.nats.ts'
import { startMarkerSweep } from './marker-sweep.nats.ts'
import { startExpiryClock } from './throttle-expiry.nats.ts'

const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000
/** A decision that the log's server refuses so often is given up, and said: it must not stop those that follow. */
const MAX_REFUSALS = 6

export interface LeaderParts extends FollowerParts {
  readonly throttles: Bucket<Throttle>
  /** The effects of a leader that lives as long as `leads` says so. */
  effects(leads: () => boolean): Effects & AsyncDisposable
  onApplied(verdict: Verdict, outcome: Imposed | 'shadowed' | 'failed'): void
  onExpired(): void
}

/**
 * What a leader does for as long as it is one: decide, and end throttles in time. It goes on with what it folded while
 * it stood by, if that reaches back to where the leader before it was; else it reads the window first.
 */
export async function lead(
  lease: Lease<GuardProgress>,
  standby: Follower | undefined,
  parts: LeaderParts,
): Promise<AsyncDisposable & { readonly follower: Follower }> {
  const { link, nowMs } = parts
  const leads = () => lease.isHeld()
  await using stack = new AsyncDisposableStack()
  const effects = stack.use(parts.effects(leads))
  const isWarm = standby?.covers(lease.state ?? {}) ?? false
  const follower = isWarm ? standby! : stack.use(await startFollower(parts, lease.state, lease.lost))
  // Before the first event: a crash without a stored position would forget what came since.
  const from = lease.state ?? follower.positions()
  if (!lease.state) await lease.store(from)
  const heads: Record<string, number> = {}
  for (const stream of RULE_STREAMS) heads[stream] = (await link.manager.streams.info(stream)).state.last_seq

  stack.use(
    await startExpiryClock(link, parts.throttles, nowMs, async (key, throttle, revision) => {
      if (!leads()) return
      await expire(effects, key, throttle, revision)
      parts.onExpired()
    }),
  )
  stack.use(startMarkerSweep(link, parts.throttles, nowMs))
  const hooks: LeaderHooks = {
    leads,
    async applyDecision(verdict, again) {
      const outcome = await carriedOut(effects, verdict, again, link.log, lease.lost)
      if (outcome) parts.onApplied(verdict, outcome)
    },
    done(positions, verdicts) {
      // Not awaited: a position that is a little old leads to decisions that are carried out already.
      if (verdicts > 0) void lease.store(positions)
      else lease.storeWithRenewal(positions)
    },
  }
  // Without a leader before it, or just started, nothing that it decided was carried out by another.
  await follower.takeOver(hooks, (isWarm && lease.state) || {}, heads)
  void lease.store(follower.positions())
  link.log.info({ term: lease.term, from, heads, isWarm }, 'leading')
  const owned = stack.move()
  return { follower, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/**
 * Tries until it is done, `lost` says that it is another's to do, or the server has refused it for good; undefined when it
 * was done before. While the server is away it is tried again: then the lease is lost too.
 */
async function carriedOut(
  effects: Effects,
  verdict: Verdict,
  again: boolean,
  log: NatsLink['log'],
  lost: AbortSignal,
): Promise<Imposed | 'shadowed' | 'failed' | undefined> {
  let repeated = again
  let refusals = 0
  for (let waitMs = RETRY_MIN_MS; !lost.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      return await applyDecision(effects, verdict, repeated)
    } catch (error) {
      if (lost.aborted) break
      if (isRefusal(error) && ++refusals === MAX_REFUSALS) {
        log.error(
          { err: error, incident: verdict.decision.incident },
          'decision refused by the log, given up',
        )
        return 'failed'
      }
      log.error(
        { err: error, incident: verdict.decision.incident, waitMs },
        'decision not carried out, again',
      )
      repeated = true
      await sleep(waitMs, undefined, { signal: lost }).catch(() => {})
    }
  }
  return undefined
}

/** The server has answered, and not that it is starting or without a leader. */
function isRefusal(error: unknown): boolean {
  const answer = (error as { api_error?: { code?: number } }).api_error
  return answer !== undefined && (answer.code !== 503 || isApiError(error, API_ERROR.storeFailed))
}
