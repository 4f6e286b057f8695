import { setTimeout as sleep } from 'node:timers/promises'
import { connectNats } from '@fluxgate/nats'
import { openDatabase } from '@fluxgate/read-model'
import type { EnvReader, Log } from '@fluxgate/runtime'
import { type ProjectionConfig, readProjectionConfig } from './config.ts'
import { type Positions, prepareRebuild, REBUILD_SCHEMA, trySwap } from './out/rebuild.ts'
import { OWNER, PROJECTED_STREAMS, startProjection } from './service.ts'

const TRY_EVERY_MS = 500
const LOCK_NOT_AVAILABLE = '55P03'

export interface RebuildConfig extends ProjectionConfig {
  /** Go on although the log no longer reaches back to its beginning: older rows will be gone. */
  readonly acceptLoss: boolean
}

export function readRebuildConfig(env: EnvReader): RebuildConfig {
  const acceptLoss = env.oneOf('REBUILD_ACCEPT_LOSS', ['no', 'yes'], 'no') === 'yes'
  return { ...readProjectionConfig(env), acceptLoss }
}

/**
 * Folds the whole log again beside the live tables and swaps them in when they have caught up; the live projection and
 * all readers go on meanwhile. The way to new columns, and to tables that are right again after a fault in the fold.
 */
export async function rebuild(config: RebuildConfig, log: Log): Promise<Positions> {
  await using db = openDatabase(config.databaseUrl, {
    max: 2,
    applicationName: 'rebuild',
    statementTimeoutMs: 0,
  })
  await using link = await connectNats({ url: config.natsUrl, name: 'rebuild' }, log)
  for (const stream of PROJECTED_STREAMS) {
    const { state } = await link.manager.streams.info(stream)
    if (state.first_seq <= 1 || config.acceptLoss) continue
    throw new Error(`${stream} begins at ${state.first_seq}: a rebuild would lose what came before`)
  }
  await prepareRebuild(db)
  await using _projection = await startProjection(
    { ...config, metricsPort: undefined, pruneEveryMs: 0 },
    log,
    { schema: REBUILD_SCHEMA },
  )
  for (;;) {
    await sleep(TRY_EVERY_MS)
    const { swapped, positions } = await unlessLocked(trySwap(db, OWNER))
    log.info({ swapped, positions: Object.fromEntries(positions) }, swapped ? 'swapped' : 'catching up')
    if (swapped) return positions
  }
}

/** A reader that holds a table for long must not end a rebuild: the swap is tried again. */
async function unlessLocked(attempt: ReturnType<typeof trySwap>): ReturnType<typeof trySwap> {
  try {
    return await attempt
  } catch (error) {
    if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error
    return { swapped: false, positions: new Map() }
  }
}
