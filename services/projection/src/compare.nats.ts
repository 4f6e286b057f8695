import { setTimeout as sleep } from 'node:timers/promises'
import { connectNats, type NatsLink } from '@fluxgate/nats'
import { type Database, openDatabase, runScript, type Tables } from '@fluxgate/read-model'
import type { Log } from '@fluxgate/runtime'
import type { Transaction } from 'kysely'
import type { ProjectionConfig } from './config.ts'
import { OWNER, PROJECTED_STREAMS, startProjection } from './service.ts'
import {
  compareTable,
  foldedTables,
  lockCheckpoints,
  openRequestDays,
  positionsIn,
  prepareRebuild,
  prune,
  REBUILD_SCHEMA,
  type RowDifference,
} from './tables/index.ts'

const LOOK_EVERY_MS = 100

export interface TableVerdict {
  readonly holds: boolean
  readonly compared: readonly string[]
  readonly differences: readonly RowDifference[]
}

/**
 * Folds the whole log once more beside the live tables and compares both, row by row and column by column, at one position.
 * The live projection waits while what came meanwhile is folded, and during the comparison. Writes nothing to the live
 * tables. The list of tables and columns is the database's own, so that no column is left out.
 * @throws when the log has lost its beginning: the sums over all of it cannot be folded again
 */
export function compareTables(config: ProjectionConfig, log: Log): Promise<TableVerdict> {
  return besideFolded(config, log, async trx => {
    const compared = await foldedTables(trx)
    const differences: RowDifference[] = []
    for (const table of compared) differences.push(...(await compareTable(trx, table)))
    return { holds: differences.length === 0, compared, differences }
  })
}

/** Does the work while the live tables stand still, and those that were folded beside them are at the same position. */
export async function besideFolded<T>(
  config: ProjectionConfig,
  log: Log,
  work: (trx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  await using db = openDatabase(config.databaseUrl, {
    max: 3,
    applicationName: 'compare',
    statementTimeoutMs: 0,
  })
  await using link = await connectNats({ url: config.natsUrl, name: 'compare' }, log)
  const begun = await begunStreams(link)
  if (begun.length > 0) {
    throw new Error(
      `the log does not hold the beginning of ${begun.join(', ')}: the tables cannot be folded again`,
    )
  }
  await runScript(db, `drop schema if exists ${REBUILD_SCHEMA} cascade`)
  await prepareRebuild(db, OWNER)
  try {
    await foldThrough(config, link, await positionsIn(db, 'public', OWNER), log)
    return await db.transaction().execute(async trx => {
      await trx.executeQuery(lockCheckpoints(OWNER))
      await foldThrough(config, link, await positionsIn(trx, 'public', OWNER), log)
      await tidy(db, config)
      return work(trx)
    })
  } finally {
    await runScript(db, `drop schema if exists ${REBUILD_SCHEMA} cascade`)
  }
}

async function begunStreams(link: NatsLink): Promise<string[]> {
  const begun: string[] = []
  for (const stream of PROJECTED_STREAMS) {
    const { state } = await link.manager.streams.info(stream)
    if (state.first_seq > 1) begun.push(stream)
  }
  return begun
}

async function streamEnds(link: NatsLink): Promise<Record<string, number>> {
  const ends: Record<string, number> = {}
  for (const stream of PROJECTED_STREAMS)
    ends[stream] = (await link.manager.streams.info(stream)).state.last_seq
  return ends
}

/** Folds up to these positions, or to where the log ends before them, and no further. */
async function foldThrough(
  config: ProjectionConfig,
  link: NatsLink,
  through: ReadonlyMap<string, number>,
  log: Log,
): Promise<void> {
  const ends = await streamEnds(link)
  const quiet = { ...config, status: { ...config.status, port: undefined }, pruneEveryMs: 0 }
  await using projection = await startProjection(quiet, log, { schema: REBUILD_SCHEMA, through })
  const isThere = () =>
    [...through].every(
      ([stream, sequence]) => projection.positionOf(stream) >= Math.min(sequence, ends[stream] ?? 0),
    )
  while (!isThere()) {
    const [halted] = projection.halted.values()
    if (halted !== undefined) throw new Error(halted)
    await sleep(LOOK_EVERY_MS)
  }
}

async function tidy(db: Database, config: ProjectionConfig): Promise<void> {
  const days = openRequestDays(db, REBUILD_SCHEMA, config.requestRetentionMs, Date.now)
  await days.ensureAhead()
  await prune(db, REBUILD_SCHEMA, days, config, Date.now(), new AbortController().signal)
}
