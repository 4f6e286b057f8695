import { setTimeout as sleep } from 'node:timers/promises'
import {
  BUCKETS,
  eventMaker,
  GUARD_LEASE,
  type GuardProgress,
  jsonParser,
  readGuardProgress,
  Throttle,
} from '@fluxgate/contracts'
import { wholePolicy } from '@fluxgate/guard-core'
import { Bucket, connectNats, EventPublisher } from '@fluxgate/nats'
import { openPolicyBook, publishDefaultPolicy } from '@fluxgate/operations'
import { type Log, startStatusServer } from '@fluxgate/runtime'
import { ulid } from 'ulid'
import type { Effects } from './apply-decision.ts'
import type { GuardConfig } from './config.ts'
import { openEffects } from './effects.nats.ts'
import type { Verdict } from './folds.ts'
import { type Follower, startFollower } from './follower.nats.ts'
import { lead } from './leader.nats.ts'
import { runLeaderElection } from './leader-election.nats.ts'
import type { Lease } from './lease.nats.ts'
import { guardMetrics } from './metrics.ts'
import { type LivePolicy, watchPolicy } from './policy.nats.ts'
import { followPolicyFile } from './policy-file.fs.ts'
import { AUTOMATIC_PART } from './throttle-room.nats.ts'

const RETRY_MS = 500
const MISSED_SHOWN_MS = 3_600_000
/** While a campaign lasts, throttles are dropped every few seconds: the warning stays in between. */
const DROPPED_SHOWN_MS = 60_000

export interface Guard extends AsyncDisposable {
  readonly metricsPort: number | undefined
  /** True while this process is the one that decides. */
  isLeader(): boolean
}

export interface GuardOverrides {
  readonly nowMs?: () => number
  /** Puts something between the decisions and the world. */
  readonly effects?: (real: Effects) => Effects
}

/** Leads or stands by until disposed. NATS and its buckets may be away, at the start too. */
export async function startGuard(
  config: GuardConfig,
  log: Log,
  overrides: GuardOverrides = {},
): Promise<Guard> {
  const nowMs = overrides.nowMs ?? Date.now
  const boot = ulid()
  const stop = new AbortController()
  let policy: LivePolicy | undefined
  let leading: { follower: Follower } | undefined
  let pending = 0
  const metrics = guardMetrics(
    () => leading?.follower.folds.live.sizes() ?? new Map(),
    () => pending,
  )

  await using stack = new AsyncDisposableStack()
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'guard' }, log))
  const throttles = new Bucket(link, BUCKETS.throttles, jsonParser(Throttle))
  const make = eventMaker(`/guard/${boot}`, ulid, nowMs)
  /** When something was last lost or dropped: said in `/ready` for as long as it may matter. */
  let missed: { stream: string; events: number; atMs: number } | undefined
  let usedPart = 0
  let droppedAtMs = Number.NEGATIVE_INFINITY
  const parts = {
    link,
    throttles,
    nowMs,
    policies: () => policy?.current() ?? { live: wholePolicy(config.policy), shadow: undefined },
    onMissed(stream: string, events: number) {
      missed = { stream, events, atMs: nowMs() }
      metrics.missed.inc({ stream }, events)
      log.error(
        { stream, events },
        'events were dropped before the guard had read them: no rule has counted them',
      )
    },
    effects(leads: () => boolean) {
      const real = openEffects(link, throttles, make, {
        nowMs,
        leads,
        onImposed,
        onDropped(count: number) {
          droppedAtMs = nowMs()
          metrics.dropped.inc(count)
        },
        onUsed(part: number) {
          usedPart = part
          metrics.bucketUsed.set(part)
        },
      })
      if (!overrides.effects) return real
      return Object.assign(overrides.effects(real), {
        [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
      })
    },
    onApplied: ({ decision: { rule } }: Verdict, outcome: string) => metrics.decisions.inc({ rule, outcome }),
    onFolded(batch: { stream: string; events: readonly unknown[]; pending: number }) {
      metrics.folded.inc({ stream: batch.stream }, batch.events.length)
      pending = batch.pending
    },
    onExpired: () => metrics.expired.inc(),
  }
  function onImposed(throttle: Throttle): void {
    metrics.loopSeconds.observe((nowMs() - throttle.imposedAt) / 1_000)
  }
  const waitForLead = (signal: AbortSignal) => startFollower(parts, undefined, signal)
  async function leadWhile(lease: Lease<GuardProgress>, standby?: Follower): Promise<AsyncDisposable> {
    const leader = await lead(lease, standby, parts)
    leading = leader
    metrics.leader.set(1)
    publishDefaultPolicy(link, config.policy).catch(error =>
      log.warn({ err: error }, 'the default policy could not be published'),
    )
    return {
      async [Symbol.asyncDispose]() {
        leading = undefined
        metrics.leader.set(0)
        await leader[Symbol.asyncDispose]()
      },
    }
  }

  const running = (async () => {
    await using files = new AsyncDisposableStack()
    const refused = () => metrics.policyRefused.inc()
    while (!policy && !stop.signal.aborted) {
      try {
        await link.manager.streams.info(`KV_${BUCKETS.policy}`)
        policy = await watchPolicy(link, config.policy, log, refused)
      } catch (error) {
        log.warn({ err: error }, 'the buckets are not there yet')
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => {})
      }
    }
    if (config.policyFile !== undefined && !stop.signal.aborted) {
      const publisher = files.use(new EventPublisher(link))
      const book = openPolicyBook(link, event => publisher.publish(event), make)
      files.use(await followPolicyFile(config.policyFile, book, log, refused))
    }
    const lease = { name: GUARD_LEASE, holder: boot, readState: readGuardProgress, ttlMs: config.leaseTtlMs }
    await runLeaderElection(link, lease, { waitForLead, lead: leadWhile }, log, stop.signal)
    await policy?.[Symbol.asyncDispose]()
  })()
  stack.defer(async () => {
    stop.abort()
    await running
  })
  const status = stack.use(
    await startStatusServer(
      config.status,
      metrics.registry,
      {
        nats: () => (link.isConnected() ? undefined : 'disconnected'),
        policy: () => (policy ? undefined : 'not read yet'),
      },
      {
        throttles: () =>
          usedPart > AUTOMATIC_PART || nowMs() - droppedAtMs < DROPPED_SHOWN_MS
            ? `The bucket of throttles is ${Math.round(usedPart * 100)} % full: automatic throttles are dropped to keep room for orders.`
            : undefined,
        missed: () =>
          missed && nowMs() - missed.atMs < MISSED_SHOWN_MS
            ? `${missed.events} events of ${missed.stream} were dropped before the guard had read them.`
            : undefined,
      },
    ),
  )
  const owned = stack.move()
  return {
    metricsPort: status.port,
    isLeader: () => leading !== undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
