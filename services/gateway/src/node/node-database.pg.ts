import { type Database, deleteOldSessions, openDatabase, type PoolFigures } from '@fluxgate/read-model'
import type { Log } from '@fluxgate/runtime'

const CONNECTIONS = 8
const SESSIONS_EVERY_MS = 3_600_000
/** Ended sessions are kept for questions about who was there. */
const SESSIONS_RETAINED_MS = 30 * 86_400_000

export interface NodeDatabase extends AsyncDisposable {
  readonly db: Database
  /** Undefined until the first connection. */
  pool(): PoolFigures | undefined
}

/** This node's connections to Postgres; sessions that ended long ago are deleted over them. */
export function openNodeDatabase(url: string, epochMs: () => number, log: Log): NodeDatabase {
  let pool: PoolFigures | undefined
  const db = openDatabase(url, {
    max: CONNECTIONS,
    onPool: figures => {
      pool = figures
    },
    applicationName: 'gateway',
    onConnectionError: error => log.warn({ err: error }, 'Postgres connection lost'),
  })
  const timer = setInterval(
    () =>
      deleteOldSessions(db, epochMs() - SESSIONS_RETAINED_MS).catch(error =>
        log.warn({ err: error }, 'old sessions not deleted'),
      ),
    SESSIONS_EVERY_MS,
  )
  return {
    db,
    pool: () => pool,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await db[Symbol.asyncDispose]()
    },
  }
}
