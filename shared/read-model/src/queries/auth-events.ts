import type { Database } from '../database.ts'
import { timeOf } from '../time.ts'
import { isAfter, type Page, pageLimit, pageOf } from './cursor.ts'

/** A fact of the AUTH stream. Times are epoch milliseconds. */
export interface AuthEvent {
  readonly id: string
  /** Position in AUTH. */
  readonly sequence: number
  readonly at: number
  /** `login_failed`, `key_created`, … */
  readonly fact: string
  readonly userId: string
  readonly keyId: string
  readonly actor: string | null
  readonly address: string | null
  /** Hash of the e-mail address. */
  readonly account: string | null
  readonly reason: string | null
  /** What is left of the event's data. */
  readonly detail: Record<string, unknown>
}

export interface AuthEventFilter {
  readonly user?: string | undefined
  readonly key?: string | undefined
  readonly fact?: string | undefined
  readonly address?: string | undefined
  /** Epoch milliseconds, inclusive and exclusive. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly limit: number
  /** Cursor: `next` of the page before. */
  readonly before?: string | undefined
}

/** Newest first. */
export async function authEvents(db: Database, filter: AuthEventFilter): Promise<Page<AuthEvent>> {
  const limit = pageLimit(filter.limit)
  let query = db
    .selectFrom('auth_events')
    .selectAll()
    .orderBy('at', 'desc')
    .orderBy('event_id', 'desc')
    .limit(limit + 1)
  if (filter.user !== undefined) query = query.where('user_id', '=', filter.user)
  if (filter.key !== undefined) query = query.where('key_id', '=', filter.key)
  if (filter.fact !== undefined) query = query.where('fact', '=', filter.fact)
  if (filter.address !== undefined) query = query.where('address', '=', filter.address)
  if (filter.from !== undefined) query = query.where('at', '>=', timeOf(filter.from))
  if (filter.to !== undefined) query = query.where('at', '<', timeOf(filter.to))
  if (filter.before !== undefined) query = query.where(isAfter(filter.before, 'at', 'event_id'))
  const rows = await query.execute()
  return pageOf(
    rows,
    limit,
    ({ event_id: id, user_id: userId, key_id: keyId, ...rest }): AuthEvent => ({
      id,
      userId,
      keyId,
      ...rest,
    }),
    row => ({ atMs: row.at, id: row.event_id }),
  )
}
