import type { Database } from '@fluxgate/read-model'
import { CompiledQuery } from 'kysely'
import type { RequestDays } from './request-days.pg.ts'

/** How long rows are kept after their time. Incidents, throttles, budget crossings and the totals stay. */
export interface Retention {
  /** Requests, and what is counted by the minute. */
  readonly requestRetentionMs: number
  /** What is counted by the hour and by the day. */
  readonly usageRetentionMs: number
  readonly authRetentionMs: number
}

/** Rows of one delete, so that none locks the projection out for long. */
const ROWS_AT_ONCE = 5_000

/** Drops and deletes what is older than its retention; returns how many days of requests, and rows of each table. */
export async function prune(
  db: Database,
  schema: string,
  days: RequestDays,
  { requestRetentionMs, usageRetentionMs, authRetentionMs }: Retention,
  nowMs: number,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const deleted: Record<string, number> = { request_days: await days.dropBefore(nowMs - requestRetentionMs) }
  const retained = [
    ['requests_default', 'at', requestRetentionMs],
    ['usage_minutes', 'minute', requestRetentionMs],
    ['latency_minutes', 'minute', requestRetentionMs],
    ['usage_hours', 'hour', usageRetentionMs],
    ['latency_hours', 'hour', usageRetentionMs],
    ['usage_days', 'day', usageRetentionMs],
    ['latency_days', 'day', usageRetentionMs],
    ['auth_events', 'at', authRetentionMs],
  ] as const
  for (const [table, column, retainedMs] of retained) {
    deleted[table] = await pruneTable(db, `${schema}.${table}`, column, nowMs - retainedMs, signal)
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
