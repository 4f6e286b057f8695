import { placeOf, STREAMS } from '@fluxgate/contracts'
import { buryEvent, connectNats, type NatsLink } from '@fluxgate/nats'
import { openDatabase } from '@fluxgate/read-model'
import { type Log, startStatusServer } from '@fluxgate/runtime'
import type { ProjectionConfig } from './config.ts'
import {
  Intake,
  LogReader,
  Progress,
  type ProjectorHooks,
  pause,
  project,
  retried,
  type WatchHooks,
  watchStreams,
} from './follow/index.ts'
import { type Metrics, projectionMetrics } from './metrics.ts'
import { openRequestDays, openStore, prune, type Store } from './tables/index.ts'

/** Whose checkpoints these are. Another version of the fold is another version here, and needs a rebuild. */
export const OWNER = { projection: 'read-model', version: 1 }
export const PROJECTED_STREAMS: readonly string[] = Object.values(STREAMS)

export interface Projection extends AsyncDisposable {
  readonly metricsPort: number | undefined
  /** Stream → position that the tables hold. */
  positionOf(stream: string): number
  /** Stream → why it stands still. */
  readonly halted: ReadonlyMap<string, string>
}

export interface ProjectionOverrides {
  readonly nowMs?: () => number
  /** Where the tables are; a rebuild has a schema of its own. */
  readonly schema?: string
  /** Stream → the last position that is read: to fold no further than other tables are. */
  readonly through?: ReadonlyMap<string, number>
}

/** Follows the log and folds it into Postgres until disposed. Postgres may be away, at the start too. */
export async function startProjection(
  config: ProjectionConfig,
  log: Log,
  overrides: ProjectionOverrides = {},
): Promise<Projection> {
  await using stack = new AsyncDisposableStack()
  const stop = new AbortController()
  const progress = new Progress()
  const health: Health = { fault: 'not begun' }
  const nowMs = overrides.nowMs ?? Date.now
  const metrics = projectionMetrics(PROJECTED_STREAMS, progress, nowMs)

  const db = stack.use(
    openDatabase(config.databaseUrl, {
      max: 2,
      applicationName: 'projection',
      statementTimeoutMs: config.statementTimeoutMs,
      // A lost commit takes its rows and its position together, and both come again from the log.
      asynchronousCommit: true,
      onConnectionError: error => log.warn({ err: error }, 'Postgres connection broke'),
    }),
  )
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'projection' }, log))
  const schema = overrides.schema ?? 'public'
  const days = openRequestDays(db, schema, config.requestRetentionMs, nowMs)
  const store = openStore(db, OWNER, PROJECTED_STREAMS, schema, days)
  const intake = new Intake(config)
  const reader = stack.use(new LogReader(link, intake, config, overrides.through))
  const parts: Parts = { log, metrics, progress, health, reader, store, link, signal: stop.signal, nowMs }

  const hooks = projectorHooks(parts)
  const running = (async () => {
    await retried(hooks.restart, config, hooks.failed, stop.signal)
    const watching = watchStreams(link, PROJECTED_STREAMS, config.lagEveryMs, watchHooks(parts), stop.signal)
    const tidying = keepTidy(
      async () => {
        await days.ensureAhead()
        return prune(db, schema, days, config, nowMs(), stop.signal)
      },
      config.pruneEveryMs,
      config.tidyRetryMs,
      log,
      stop.signal,
    )
    await project(intake, config, hooks, stop.signal)
    await Promise.all([watching, tidying])
  })()
  stack.defer(async () => {
    stop.abort()
    intake.close()
    await running
  })
  const status = stack.use(
    await startStatusServer(config.status, metrics.registry, {
      nats: () => (link.isConnected() ? undefined : 'disconnected'),
      projecting: () => health.fault,
      streams: () => (progress.halted.size === 0 ? undefined : [...progress.halted.values()].join('; ')),
    }),
  )
  const owned = stack.move()
  return {
    metricsPort: status.port,
    positionOf: stream => progress.sequenceOf(stream),
    halted: progress.halted,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function keepTidy(
  work: () => Promise<Record<string, number>>,
  everyMs: number,
  afterFaultMs: number,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (everyMs > 0 && !signal.aborted) {
    let waitMs = everyMs
    try {
      log.info({ deleted: await work() }, 'old rows deleted')
    } catch (error) {
      waitMs = Math.min(everyMs, afterFaultMs)
      log.warn({ err: error, waitMs }, 'old rows not deleted')
    }
    await pause(waitMs, signal)
  }
}

interface Health {
  /** Why nothing is projected just now, or undefined. */
  fault: string | undefined
}

interface Parts {
  readonly log: Log
  readonly metrics: Metrics
  readonly progress: Progress
  readonly health: Health
  readonly reader: LogReader
  readonly store: Store
  readonly link: NatsLink
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

function projectorHooks({
  log,
  metrics,
  progress,
  health,
  reader,
  store,
  link,
  signal,
  nowMs,
}: Parts): ProjectorHooks {
  return {
    apply: slices => store.apply(slices),
    attempt: slices => store.attempt(slices),
    async restart() {
      const positions = new Map(await store.positions())
      const heads = await reader.heads(positions.keys())
      for (const [stream, position] of positions) {
        if (position.created !== null) continue
        const { created } = heads.get(stream)!
        await store.identify(stream, created)
        positions.set(stream, { ...position, created })
      }
      progress.begin(positions)
      for (const [stream, head] of heads) {
        const fault = progress.saw(stream, head, positions.get(stream)!.sequence, nowMs())
        if (fault !== undefined) log.error({ stream, ...head }, `halted: ${fault}`)
      }
      await reader.begin(positions, progress.halted)
      health.fault = undefined
      log.info({ positions: Object.fromEntries(positions) }, 'following the log')
    },
    applied(applied, elapsedMs) {
      health.fault = undefined
      metrics.batches.inc()
      metrics.batchSeconds.observe(elapsedMs / 1_000)
      metrics.skipped.inc(applied.skipped)
      metrics.repeated.inc(applied.repeated)
      for (const [stream, { events, position, storedAtMs }] of applied.streams) {
        metrics.events.inc({ stream }, events)
        progress.applied(stream, position, storedAtMs)
      }
    },
    failed(error, waitMs) {
      metrics.retries.inc()
      health.fault = (error as Error).message
      log.warn({ err: error, waitMs }, `not projected, trying again: ${health.fault}`)
    },
    async rejected(stream, entry, reason) {
      const position = placeOf(entry)
      await buryEvent(link, 'projection', position, reason, signal)
      metrics.rejected.inc({ stream })
      log.error({ ...position, reason }, 'event left out: Postgres cannot take it')
    },
  }
}

function watchHooks({ log, progress, reader, store, nowMs }: Parts): WatchHooks {
  const missing = new Map<string, number>()
  return {
    position: stream => progress.sequenceOf(stream),
    saw(stream, head, asked) {
      if (progress.halted.has(stream)) return
      const fault = progress.saw(stream, head, asked, nowMs())
      if (fault !== undefined) {
        log.error({ stream, ...head, checkpoint: asked }, `halted: ${fault}`)
        void reader.halt(stream)
      }
      const gone = progress.missing(stream)
      if (gone > (missing.get(stream) ?? 0)) {
        log.error({ stream, messages: gone }, 'the stream dropped messages that were not yet projected')
      }
      missing.set(stream, gone)
    },
    async looked(heads) {
      try {
        await store.storeHeads(heads, nowMs())
      } catch (error) {
        log.debug({ err: error }, 'heads of the streams not stored')
      }
    },
    failed: (stream, error) => log.warn({ stream, err: error }, 'cannot ask how far the stream goes'),
  }
}
