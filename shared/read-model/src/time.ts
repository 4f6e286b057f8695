import { type RawBuilder, sql } from 'kysely'

/** Epoch milliseconds as a Postgres time: what time columns are compared with. */
export function timeOf(ms: number): RawBuilder<number> {
  return sql<number>`${new Date(ms).toISOString()}::timestamptz`
}
