import { setTimeout as sleep } from 'node:timers/promises'
import { connectNats, type NatsLink } from '@fluxgate/nats'
import { type Database, openDatabase } from '@fluxgate/read-model'
import type { EnvReader, Log } from '@fluxgate/runtime'
import { type ProjectionConfig, readProjectionConfig } from './config.ts'
import { OWNER, PROJECTED_STREAMS, type Projection, startProjection } from './service.ts'
import {
  foldedStreams,
  openRequestDays,
  type Positions,
  positionsIn,
  prepareRebuild,
  prune,
  REBUILD_SCHEMA,
  trySwap,
} from './tables/index.ts'

const PROGRESS_EVERY_MS = 500
/** Postgres' codes of a swap that readers kept from its locks. */
const LOCKED: readonly unknown[] = ['55P03', '40P01']

export interface RebuildConfig extends ProjectionConfig {
  /** Go on although the log no longer reaches back to its beginning: older rows will be gone. */
  readonly acceptLoss: boolean
}

export function readRebuildConfig(env: EnvReader): RebuildConfig {
  const acceptLoss = env.oneOf('REBUILD_ACCEPT_LOSS', ['no', 'yes'], 'no') === 'yes'
  return { ...readProjectionConfig(env), acceptLoss }
}

/** Messages of the log, as it stands now, that are folded. */
export interface RebuildProgress {
  readonly done: number
  readonly total: number
}

export interface RebuildOptions {
  /** Told twice a second. */
  readonly onProgress?: (progress: RebuildProgress) => void
  /** Ends the work; the next rebuild goes on where it stopped, as after a kill. */
  readonly signal?: AbortSignal
}

/**
 * Folds the whole log again beside the live tables and swaps them in when they have caught up; the live projection and
 * all readers go on meanwhile. The way to new columns, and to tables that are right again after a fault in the fold.
 * @returns where the tables stood at the swap; undefined when the signal came first
 */
export async function rebuild(
  config: RebuildConfig,
  log: Log,
  { onProgress, signal = new AbortController().signal }: RebuildOptions = {},
): Promise<Positions | undefined> {
  await using db = openDatabase(config.databaseUrl, {
    max: 2,
    applicationName: 'rebuild',
    statementTimeoutMs: 0,
  })
  await using link = await connectNats({ url: config.natsUrl, name: 'rebuild' }, log)
  const begun = await prepareRebuild(db, OWNER)
  const from = await positionsIn(db, REBUILD_SCHEMA, OWNER)
  const lost = await lostStreams(db, link, from)
  if (!config.acceptLoss && lost.size > 0) {
    throw new Error(`a rebuild would lose rows: ${[...lost.values()].join('; ')}`)
  }
  log.info({ begun, lost: Object.fromEntries(lost) }, 'rebuilding')
  await using projection = await startProjection(
    { ...config, status: { ...config.status, port: undefined }, pruneEveryMs: 0 },
    log,
    { schema: REBUILD_SCHEMA },
  )
  while (!signal.aborted) {
    const progress = await progressOf(link, projection, from)
    onProgress?.(progress)
    if (progress.done >= progress.total) {
      await tidy(db, config, signal)
      const { swapped, positions } = await unlessLocked(trySwap(db, OWNER, lost))
      if (swapped) return positions
    }
    await sleep(PROGRESS_EVERY_MS)
  }
  return undefined
}

/** Stream → what the live tables hold and the log no longer does. */
async function lostStreams(
  db: Database,
  link: NatsLink,
  from: ReadonlyMap<string, number>,
): Promise<Map<string, string>> {
  const live = await positionsIn(db, 'public', OWNER)
  const folded = await foldedStreams(db, OWNER)
  const lost = new Map<string, string>()
  for (const stream of PROJECTED_STREAMS) {
    const { created, state } = await link.manager.streams.info(stream)
    const next = (from.get(stream) ?? 0) + 1
    if (state.first_seq > next) lost.set(stream, `${stream} begins at ${state.first_seq}, not at ${next}`)
    const end = live.get(stream) ?? 0
    const made = folded.get(stream)
    if (made && made !== String(created))
      lost.set(stream, `${stream} was made anew at ${created}, after ${made}`)
    if (state.last_seq < end) lost.set(stream, `${stream} ends at ${state.last_seq}, the tables at ${end}`)
  }
  return lost
}

async function progressOf(
  link: NatsLink,
  projection: Projection,
  from: ReadonlyMap<string, number>,
): Promise<RebuildProgress> {
  let done = 0
  let total = 0
  for (const stream of PROJECTED_STREAMS) {
    const { last_seq: last } = (await link.manager.streams.info(stream)).state
    // The projection knows its position only when it has asked Postgres.
    done += Math.min(Math.max(projection.positionOf(stream), from.get(stream) ?? 0), last)
    total += last
  }
  return { done, total }
}

/** What retention has taken from the live tables goes from the rebuilt ones too, and the next days are there. */
async function tidy(db: Database, config: ProjectionConfig, signal: AbortSignal): Promise<void> {
  const days = openRequestDays(db, REBUILD_SCHEMA, config.requestRetentionMs, Date.now)
  await days.ensureAhead()
  await prune(db, REBUILD_SCHEMA, days, config, Date.now(), signal)
}

/** A reader that holds a table for long must not end a rebuild: the swap is tried again. */
async function unlessLocked(attempt: ReturnType<typeof trySwap>): ReturnType<typeof trySwap> {
  try {
    return await attempt
  } catch (error) {
    if (!LOCKED.includes((error as { code?: unknown }).code)) throw error
    return { swapped: false, positions: new Map() }
  }
}
