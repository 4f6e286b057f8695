import { setTimeout as sleep } from 'node:timers/promises'
import {
  BUCKETS,
  type EventMaker,
  eventMaker,
  GUARD_LEASE,
  type GuardProgress,
  jsonParser,
  readGuardProgress,
  Throttle,
} from '@fluxgate/contracts'
import { wholePolicy } from '@fluxgate/guard-core'
import { Bucket, connectNats, EventPublisher, type NatsLink } from '@fluxgate/nats'
import { openPolicyBook, publishDefaultPolicy } from '@fluxgate/operations'
import { type Log, startStatusServer } from '@fluxgate/runtime'
import { ulid } from 'ulid'
import type { Effects } from './apply-decision.ts'
import type { GuardConfig } from './config.ts'
import { NatsEffects } from './effects.nats.ts'
import { type Follower, startFollower } from './follower.nats.ts'
import { type LeaderParts, lead } from './leader.nats.ts'
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
  await using stack = new AsyncDisposableStack()
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'guard' }, log))
  const guard = new GuardProcess(config, link, log, overrides)
  const running = guard.run()
  stack.defer(async () => {
    guard.stop.abort()
    await running
  })
  const checks = {
    nats: () => (link.isConnected() ? undefined : 'disconnected'),
    policy: () => (guard.policy ? undefined : 'not read yet'),
  }
  const warnings = { throttles: () => guard.throttlesWarning(), missed: () => guard.missedWarning() }
  const status = stack.use(await startStatusServer(config.status, guard.metrics.registry, checks, warnings))
  const owned = stack.move()
  return {
    metricsPort: status.port,
    isLeader: () => guard.leading !== undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** One process of the guard: what it knows of itself, and what it does from its start to its end. */
class GuardProcess {
  readonly stop = new AbortController()
  readonly metrics = guardMetrics(
    () => this.leading?.folds.live.sizes() ?? new Map(),
    () => this.#pending,
  )
  policy: LivePolicy | undefined
  leading: Follower | undefined
  #pending = 0
  #usedPart = 0
  /** When something was last lost or dropped: said in `/ready` for as long as it may matter. */
  #missed: { stream: string; events: number; atMs: number } | undefined
  #droppedAtMs = Number.NEGATIVE_INFINITY
  readonly #config: GuardConfig
  readonly #link: NatsLink
  readonly #log: Log
  readonly #overrides: GuardOverrides
  readonly #nowMs: () => number
  readonly #boot = ulid()
  readonly #make: EventMaker
  readonly #throttles: Bucket<Throttle>

  constructor(config: GuardConfig, link: NatsLink, log: Log, overrides: GuardOverrides) {
    this.#log = log
    this.#config = config
    this.#link = link
    this.#overrides = overrides
    this.#nowMs = overrides.nowMs ?? Date.now
    this.#make = eventMaker(`/guard/${this.#boot}`, ulid, this.#nowMs)
    this.#throttles = new Bucket(link, BUCKETS.throttles, jsonParser(Throttle))
  }

  async run(): Promise<void> {
    await using files = new AsyncDisposableStack()
    await this.#watchPolicy()
    const { policyFile, leaseTtlMs } = this.#config
    if (policyFile !== undefined && !this.stop.signal.aborted) {
      const publisher = files.use(new EventPublisher(this.#link))
      const book = openPolicyBook(this.#link, event => publisher.publish(event), this.#make)
      files.use(await followPolicyFile(policyFile, book, this.#log, this.#onPolicyRefused))
    }
    const lease = { name: GUARD_LEASE, holder: this.#boot, readState: readGuardProgress, ttlMs: leaseTtlMs }
    const parts = this.#leaderParts()
    const roles = {
      waitForLead: (signal: AbortSignal) => startFollower(parts, undefined, signal),
      lead: (lease: Lease<GuardProgress>, standby?: Follower) => this.#lead(lease, standby, parts),
    }
    await runLeaderElection(this.#link, lease, roles, this.#log, this.stop.signal)
    await this.policy?.[Symbol.asyncDispose]()
  }

  throttlesWarning(): string | undefined {
    const isRecent = this.#nowMs() - this.#droppedAtMs < DROPPED_SHOWN_MS
    if (this.#usedPart <= AUTOMATIC_PART && !isRecent) return undefined
    const percent = Math.round(this.#usedPart * 100)
    return `The bucket of throttles is ${percent} % full: automatic throttles are dropped to keep room for orders.`
  }

  missedWarning(): string | undefined {
    if (!this.#missed || this.#nowMs() - this.#missed.atMs >= MISSED_SHOWN_MS) return undefined
    const { events, stream } = this.#missed
    return `${events} events of ${stream} were dropped before the guard had read them.`
  }

  async #watchPolicy(): Promise<void> {
    const log = this.#log
    while (!this.policy && !this.stop.signal.aborted) {
      try {
        await this.#link.manager.streams.info(`KV_${BUCKETS.policy}`)
        this.policy = await watchPolicy(this.#link, this.#config.policy, log, this.#onPolicyRefused)
      } catch (error) {
        log.warn({ err: error }, 'the buckets are not there yet')
        await sleep(RETRY_MS, undefined, { signal: this.stop.signal }).catch(() => {})
      }
    }
  }

  readonly #onPolicyRefused = () => this.metrics.policyRefused.inc()

  async #lead(
    lease: Lease<GuardProgress>,
    standby: Follower | undefined,
    parts: LeaderParts,
  ): Promise<AsyncDisposable> {
    const leader = await lead(lease, standby, parts)
    this.leading = leader.follower
    this.metrics.leader.set(1)
    publishDefaultPolicy(this.#link, this.#config.policy).catch(error =>
      this.#log.warn({ err: error }, 'the default policy could not be published'),
    )
    return {
      [Symbol.asyncDispose]: async () => {
        this.leading = undefined
        this.metrics.leader.set(0)
        await leader[Symbol.asyncDispose]()
      },
    }
  }

  #leaderParts(): LeaderParts {
    const { metrics } = this
    return {
      link: this.#link,
      throttles: this.#throttles,
      nowMs: this.#nowMs,
      policies: () => this.policy?.current() ?? { live: wholePolicy(this.#config.policy), shadow: undefined },
      onMissed: (stream, events) => {
        this.#missed = { stream, events, atMs: this.#nowMs() }
        metrics.missed.inc({ stream }, events)
        this.#log.error(
          { stream, events },
          'events were dropped before the guard had read them: no rule has counted them',
        )
      },
      effects: leads => this.#effects(leads),
      onApplied: ({ decision: { rule } }, outcome) => metrics.decisions.inc({ rule, outcome }),
      onFolded: ({ stream, events, pending }) => {
        metrics.folded.inc({ stream }, events.length)
        this.#pending = pending
      },
      onExpired: () => metrics.expired.inc(),
    }
  }

  #effects(leads: () => boolean): Effects & AsyncDisposable {
    const { metrics } = this
    const real = new NatsEffects(this.#link, this.#throttles, this.#make, {
      nowMs: this.#nowMs,
      leads,
      onImposed: throttle => metrics.loopSeconds.observe((this.#nowMs() - throttle.imposedAt) / 1_000),
      onDropped: count => {
        this.#droppedAtMs = this.#nowMs()
        metrics.dropped.inc(count)
      },
      onUsed: part => {
        this.#usedPart = part
        metrics.bucketUsed.set(part)
      },
    })
    if (!this.#overrides.effects) return real
    return Object.assign(this.#overrides.effects(real), {
      [Symbol.asyncDispose]: () => real[Symbol.asyncDispose](),
    })
  }
}
