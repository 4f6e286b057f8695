import { setTimeout as sleep } from 'node:timers/promises'
import type { GuardPolicy, Throttle } from '@fluxgate/contracts'
import type { Decision } from '@fluxgate/guard-core'
import { Fold } from '@fluxgate/guard-core'
import type { Bucket, EventBatch, Lease, NatsLink } from '@fluxgate/nats'
import { carryOut, type Effects, type Imposed } from '../core/carry-out.ts'
import type { Position } from '../core/position.ts'
import { startExpiryClock } from './expiry-clock.ts'
import { followLog } from './live-log.ts'
import { restore } from './restore.ts'

const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 2_000

export interface LeaderParts {
  readonly link: NatsLink
  readonly throttles: Bucket<Throttle>
  readonly nowMs: () => number
  policy(): GuardPolicy
  /** The effects of a leader that lives as long as `leads` says so. */
  effects(leads: () => boolean): Effects
  onCarriedOut(decision: Decision, imposed: Imposed): void
  onFolded(batch: EventBatch): void
  onExpired(): void
}

/** What a leader does for as long as it is one: remember the window, then follow, decide, and end throttles in time. */
export async function lead(
  lease: Lease<Position>,
  parts: LeaderParts,
): Promise<AsyncDisposable & { readonly fold: Fold }> {
  const { link, nowMs } = parts
  const leads = () => lease.isHeld()
  const effects = parts.effects(leads)
  const fold = new Fold()
  const restored = await restore(link, fold, lease.state, parts.policy(), nowMs(), lease.lost)
  // Before the first event: a crash without a stored position would forget what came since.
  await lease.store(restored.position)

  await using stack = new AsyncDisposableStack()
  stack.use(
    await startExpiryClock(link, parts.throttles, nowMs, async (key, throttle, revision) => {
      if (!leads()) return
      await effects.expire(key, throttle, revision)
      parts.onExpired()
    }),
  )
  const hooks = {
    leads,
    policy: parts.policy,
    async carryOut(decision: Decision, again: boolean) {
      const imposed = await carriedOut(effects, decision, again, link.log, lease.lost)
      if (imposed) parts.onCarriedOut(decision, imposed)
    },
    folded(batch: EventBatch, position: Position, decisions: number) {
      parts.onFolded(batch)
      // Not awaited: a position that is a little old leads to decisions that are carried out already.
      if (decisions > 0) void lease.store(position)
      else lease.keep(position)
    },
  }
  stack.use(followLog(link, fold, restored, hooks))
  link.log.info({ term: lease.term, from: restored.position, head: restored.headSequence }, 'leading')
  const owned = stack.move()
  return { fold, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Tries until it is done or `lost` says that it is another's to do; undefined when it was done before. */
async function carriedOut(
  effects: Effects,
  decision: Decision,
  again: boolean,
  log: NatsLink['log'],
  lost: AbortSignal,
): Promise<Imposed | undefined> {
  let repeated = again
  for (let waitMs = RETRY_MIN_MS; !lost.aborted; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      return await carryOut(effects, decision, repeated)
    } catch (error) {
      if (lost.aborted) break
      log.error({ err: error, incident: decision.incident, waitMs }, 'decision not carried out, again')
      repeated = true
      await sleep(waitMs, undefined, { signal: lost }).catch(() => {})
    }
  }
  return undefined
}
