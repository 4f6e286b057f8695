import type { Database } from '@fluxgate/read-model'
import { CompiledQuery } from 'kysely'
import type { RequestDays } from './request-days.pg.ts'

/** How long rows are kept after their time. Incidents, throttles, budget crossings and the totals stay. */
export interface Retention {
  /** Requests, and what is counted by the minute. */
  readonly requestsKeptMs: number
  /** What is counted by the hour and by the day. */
  readonly usageKeptMs: number
  readonly authKeptMs: number
}

/** Rows of one delete, so that none locks the projection out for long. */
const ROWS_AT_ONCE = 5_000

/** Drops and deletes what is older than its retention; returns how many days of requests, and rows of each table. */
export async function prune(
  db: Database,
  schema: string,
  days: RequestDays,
  { requestsKeptMs, usageKeptMs, authKeptMs }: Retention,
  nowMs: number,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const deleted: Record<string, number> = { request_days: await days.dropBefore(nowMs - requestsKeptMs) }
  const kept = [
    ['requests_default', 'at', requestsKeptMs],
    ['usage_minutes', 'minute', requestsKeptMs],
    ['latency_minutes', 'minute', requestsKeptMs],
    ['usage_hours', 'hour', usageKeptMs],
    ['latency_hours', 'hour', usageKeptMs],
    ['usage_days', 'day', usageKeptMs],
    ['latency_days', 'day', usageKeptMs],
    ['auth_events', 'at', authKeptMs],
  ] as const
  for (const [table, column, keptMs] of kept) {
    deleted[table] = await pruneTable(db, `${schema}.${table}`, column, nowMs - keptMs, signal)
  }
  return deleted
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
