import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../database.ts'
import { CursorError, cursorOf, isTime, type Page, pageLimit, partsOf } from './cursor.ts'
import {
  GROUPS,
  SUMS,
  type Usage,
  type UsageBucket,
  type UsageGroup,
  type UsageScope,
  within,
} from './usage.ts'

export interface UsageReportOptions extends UsageScope {
  readonly by: UsageGroup
  /** Absent: one row for each group, over the whole range. */
  readonly bucket?: UsageBucket | undefined
  readonly limit: number
  /** Cursor: `next` of the page before. */
  readonly before?: string | undefined
}

export interface UsageReportRow extends Usage {
  /** Start of the bucket, or of the range; epoch milliseconds (UTC). */
  readonly at: number
  /** A user, key, `<user>.<key>`, model or upstream; `` before one was known. */
  readonly group: string
}

/**
 * Usage by group and time: the oldest bucket first, in each the most tokens first. Sums only grow, so that what happens
 * between two pages can move a row to a page that was read, and never puts one on two pages.
 */
export async function usageReport(db: Database, options: UsageReportOptions): Promise<Page<UsageReportRow>> {
  const limit = pageLimit(options.limit)
  const start = new Date(options.from).toISOString()
  const at =
    options.bucket === undefined ? sql`${start}::timestamptz` : sql`date_trunc(${options.bucket}, at, 'UTC')`
  const { rows } = await sql<UsageReportRow>`
    select * from (
      select ${at} as at, ${GROUPS[options.by]} as "group", ${SUMS}
      from ${within(options, options.bucket ?? 'day')} group by 1, 2
    ) as sums
    where ${options.before === undefined ? sql`true` : isBehind(options.before)}
    order by at, "totalTokens" desc, "group" limit ${limit + 1}`.execute(db)
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  if (!last || rows.length <= limit) return { items }
  return { items, next: cursorOf([last.at, last.totalTokens, last.group]) }
}

function isBehind(cursor: string): RawBuilder<boolean> {
  const [at, tokens, group] = partsOf(cursor)
  if (!isTime(at) || !Number.isSafeInteger(tokens) || typeof group !== 'string') {
    throw new CursorError('not a cursor of this list')
  }
  return sql`(at, -"totalTokens", "group") >
    (${new Date(at).toISOString()}::timestamptz, ${-(tokens as number)}::bigint, ${group})`
}
