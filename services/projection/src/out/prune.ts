import type { Database } from '@fluxgate/read-model'
import { CompiledQuery } from 'kysely'

/** How long rows are kept after their time. Incidents, throttles and the totals stay. */
export interface Retention {
  readonly requestsKeptMs: number
  readonly usageKeptMs: number
  readonly authKeptMs: number
}

/** Rows of one delete, so that none locks the projection out for long. */
const ROWS_AT_ONCE = 5_000

/** Deletes what is older than its retention; returns how many rows of each table. */
export async function prune(
  db: Database,
  retention: Retention,
  nowMs: number,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const { requestsKeptMs, usageKeptMs, authKeptMs } = retention
  return {
    requests: await pruneTable(db, 'requests', 'at', nowMs - requestsKeptMs, signal),
    usage_minutes: await pruneTable(db, 'usage_minutes', 'minute', nowMs - usageKeptMs, signal),
    auth_events: await pruneTable(db, 'auth_events', 'at', nowMs - authKeptMs, signal),
  }
}

async function pruneTable(
  db: Database,
  table: string,
  column: string,
  beforeMs: number,
  signal: AbortSignal,
): Promise<number> {
  let deleted = 0
  while (!signal.aborted) {
    const { numAffectedRows = 0n } = await db.executeQuery(
      CompiledQuery.raw(
        `delete from ${table} where ctid = any(array(
           select ctid from ${table} where ${column} < to_timestamp($1::float8 / 1000)
           order by ${column} limit ${ROWS_AT_ONCE}))`,
        [beforeMs],
      ),
    )
    deleted += Number(numAffectedRows)
    if (numAffectedRows < BigInt(ROWS_AT_ONCE)) break
  }
  return deleted
}
