import { setTimeout as sleep } from 'node:timers/promises'
import type { Throttle } from '@fluxgate/contracts'
import { RULE_STREAMS } from '@fluxgate/guard-core'
import type { Bucket, Lease, NatsLink } from '@fluxgate/nats'
import { carryOut, type Effects, expire, type Imposed } from '../core/carry-out.ts'
import type { Verdict } from '../core/folds.ts'
import type { Positions } from '../core/position.ts'
import { startExpiryClock } from './expiry-clock.ts'
import { type Follower, type FollowerParts, type LeaderHooks, startFollower } from './follower.ts'
import { startMarkerSweep } from './marker-sweep.ts'

const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000

export interface LeaderParts extends FollowerParts {
  readonly throttles: Bucket<Throttle>
  /** The effects of a leader that lives as long as `leads` says so. */
  effects(leads: () => boolean): Effects
  onCarriedOut(verdict: Verdict, outcome: Imposed | 'shadowed'): void
  onExpired(): void
}

/**
 * What a leader does for as long as it is one: decide, and end throttles in time. It goes on with what it folded while
 * it stood by, if that reaches back to where the leader before it was; else it reads the window first.
 */
export async function lead(
  lease: Lease<Positions>,
  standby: Follower | undefined,
  parts: LeaderParts,
): Promise<AsyncDisposable & { readonly follower: Follower }> {
  const { link, nowMs } = parts
  const leads = () => lease.isHeld()
  const effects = parts.effects(leads)
  await using stack = new AsyncDisposableStack()
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
    async carryOut(verdict, again) {
      const outcome = await carriedOut(effects, verdict, again, link.log, lease.lost)
      if (outcome) parts.onCarriedOut(verdict, outcome)
    },
    done(positions, verdicts) {
      // Not awaited: a position that is a little old leads to decisions that are carried out already.
      if (verdicts > 0) void lease.store(positions)
      else lease.keep(positions)
    },
  }
  await follower.takeOver(hooks, from, heads)
  void lease.store(follower.positions())
  link.log.info({ term: lease.term, from, heads, isWarm }, 'leading')
  const owned = stack.move()
  return { follower, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Tries until it is done or `lost` says that it is another's to do; undefined when it was done before. */
async function carriedOut(
  effects: Effects,
  verdict: Verdict,
  again: boolean,
  log: NatsLink['log'],
  lost: AbortSignal,
): Promise<Imposed | 'shadowed' | undefined> {
  let repeated = again
  for (let waitMs = RETRY_MIN_MS; !lost.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      return await carryOut(effects, verdict, repeated)
    } catch (error) {
      if (lost.aborted) break
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
