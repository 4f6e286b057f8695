import type { Database } from '../database.ts'
import type { Row, ThrottleState } from '../tables.ts'
import { timeOf } from '../time.ts'
import { isAfter, type Page, pageLimit, pageOf } from './cursor.ts'

/** A throttle that was imposed, and how it ended. Times are epoch milliseconds. */
export interface ThrottleRecord {
  /** Event id of `throttles.imposed`. */
  readonly id: string
  readonly userId: string
  readonly keyId: string
  /** `replaced` ended because a newer one was imposed on the same identity. */
  readonly state: ThrottleState
  /** Tokens, and tokens per second. */
  readonly capacity: number
  readonly refillRate: number
  readonly rule: string
  readonly reason: string
  readonly actor: string
  readonly incidentId: string | null
  /** Streams that ran when it was imposed were ended too. */
  readonly endStreams: boolean
  readonly imposedAt: number
  readonly until: number
  readonly endedAt: number | null
  readonly endedBy: string | null
  readonly endReason: string | null
  /** Position in THROTTLES. */
  readonly sequence: number
}

export interface ThrottleFilter {
  /** Only those in force then (epoch milliseconds): state `active` and a later `until`. */
  readonly activeAt?: number
  readonly user?: string
  readonly key?: string
  readonly limit: number
  /** Cursor: `next` of the page before. */
  readonly before?: string
}

/** Newest first. */
export async function listThrottles(db: Database, filter: ThrottleFilter): Promise<Page<ThrottleRecord>> {
  const limit = pageLimit(filter.limit)
  let query = db
    .selectFrom('throttles')
    .selectAll()
    .orderBy('imposed_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
  if (filter.activeAt !== undefined) {
    query = query.where('state', '=', 'active').where('until', '>', timeOf(filter.activeAt))
  }
  if (filter.user !== undefined) query = query.where('user_id', '=', filter.user)
  if (filter.key !== undefined) query = query.where('key_id', '=', filter.key)
  if (filter.before !== undefined) query = query.where(isAfter(filter.before, 'imposed_at', 'id'))
  return pageOf(await query.execute(), limit, throttleOf, row => ({ atMs: row.imposed_at, id: row.id }))
}

/** The throttle in force for an identity, if there is one. */
export async function currentThrottle(
  db: Database,
  identity: { user: string; key: string },
  nowMs: number,
): Promise<ThrottleRecord | undefined> {
  return (await listThrottles(db, { ...identity, activeAt: nowMs, limit: 1 })).items[0]
}

function throttleOf(row: Row<'throttles'>): ThrottleRecord {
  return {
    id: row.id,
    userId: row.user_id,
    keyId: row.key_id,
    state: row.state,
    capacity: row.capacity,
    refillRate: row.refill_rate,
    rule: row.rule,
    reason: row.reason,
    actor: row.actor,
    incidentId: row.incident_id,
    endStreams: row.end_streams,
    imposedAt: row.imposed_at,
    until: row.until,
    endedAt: row.ended_at,
    endedBy: row.ended_by,
    endReason: row.end_reason,
    sequence: row.sequence,
  }
}
