import { type RawBuilder, sql } from 'kysely'
import type { Database } from '../database.ts'
import { CursorError, cursorOf, isTime, type Page, pageLimit, partsOf } from './cursor.ts'
import {
  GROUPS,
  type Named,
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
  // Whose turn it is takes one sum over all rows; the other sums are over those of the page.
  if (options.bucket === undefined && options.by === 'identity' && options.among === undefined) {
    const among = await pageOfIdentities(db, options, limit)
    if (among.length === 0) return { items: [] }
    return usageReport(db, { ...options, among, before: undefined, limit })
  }
  const start = new Date(options.from).toISOString()
  const at =
    options.bucket === undefined ? sql`${start}::timestamptz` : sql`date_trunc(${options.bucket}, at, 'UTC')`
  const { rows } = await sql<UsageReportRow>`
    select * from (
      select ${at} as at, ${GROUPS[options.by]} as "group", ${SUMS}
      from ${within(options, options.bucket ?? 'day')} group by 1, 2
    ) as sums
    where ${options.before === undefined ? sql`true` : isBehind(options.before, options.bucket === undefined)}
    order by at, "totalTokens" desc, "group" limit ${limit + 1}`.execute(db)
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  if (!last || rows.length <= limit) return { items }
  return { items, next: cursorOf([last.at, last.totalTokens, last.group]) }
}

/** One more than the page when there are more. */
async function pageOfIdentities(db: Database, options: UsageReportOptions, limit: number): Promise<Named[]> {
  const { rows } = await sql<Named>`
    select "userId", "keyId" from (
      select user_id as "userId", key_id as "keyId", user_id || '.' || key_id as "group",
        sum(total_tokens)::bigint as "totalTokens"
      from ${within(options, 'day')} group by user_id, key_id
    ) as sums
    where ${options.before === undefined ? sql`true` : isBehind(options.before, true)}
    order by "totalTokens" desc, "group" limit ${limit + 1}`.execute(db)
  return rows
}

/** @param isWhole one row for each group: a range that ends now begins later on each page, which changes no order */
function isBehind(cursor: string, isWhole: boolean): RawBuilder<boolean> {
  const [at, tokens, group] = partsOf(cursor)
  if (!isTime(at) || !Number.isSafeInteger(tokens) || typeof group !== 'string') {
    throw new CursorError('not a cursor of this list')
  }
  const place = sql`${-(tokens as number)}::bigint, ${group}::text`
  return isWhole
    ? sql`(-"totalTokens", "group") > (${place})`
    : sql`(at, -"totalTokens", "group") > (${new Date(at).toISOString()}::timestamptz, ${place})`
}
