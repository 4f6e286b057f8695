import type { Database } from '../database.ts'
import { isAfter, type Page, pageLimit, pageOf } from './cursor.ts'

/** A budget's warning level or limit that was passed. Times are epoch milliseconds. */
export interface BudgetCrossing {
  readonly id: string
  /** Position in TOKENS. */
  readonly sequence: number
  readonly at: number
  readonly userId: string
  readonly keyId: string
  /** The request whose settlement or refusal crossed it. */
  readonly requestId: string
  readonly budget: string
  /** `key`, `user`, `tier` or `all`, and whose it is. */
  readonly each: string
  readonly holder: string
  readonly period: string
  readonly periodStart: number
  readonly level: 'soft' | 'hard'
  /** `tokens` or `usd`. */
  readonly unit: string
  readonly limit: number
  readonly used: number
}

export interface BudgetFilter {
  readonly user?: string
  readonly key?: string
  readonly limit: number
  /** Cursor: `next` of the page before. */
  readonly before?: string
}

/** Newest first. */
export async function budgetCrossings(db: Database, filter: BudgetFilter): Promise<Page<BudgetCrossing>> {
  const limit = pageLimit(filter.limit)
  let query = db
    .selectFrom('budget_crossings')
    .select(['event_id as id', 'sequence', 'at', 'user_id as userId', 'key_id as keyId'])
    .select(['request_id as requestId', 'budget', 'each', 'holder', 'period', 'period_start as periodStart'])
    .select(['level', 'unit', 'limit_amount as limit', 'used_amount as used'])
    .orderBy('at', 'desc')
    .orderBy('event_id', 'desc')
    .limit(limit + 1)
  if (filter.user !== undefined) query = query.where('user_id', '=', filter.user)
  if (filter.key !== undefined) query = query.where('key_id', '=', filter.key)
  if (filter.before !== undefined) query = query.where(isAfter(filter.before, 'at', 'event_id'))
  return pageOf(
    await query.execute(),
    limit,
    row => row,
    row => ({ atMs: row.at, id: row.id }),
  )
}
