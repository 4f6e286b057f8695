import { sql } from 'kysely'
import type { Database } from '../database.ts'
import type { Row, UserRole, UserTier } from '../tables.ts'
import { timeOf } from '../time.ts'

/** Times are epoch milliseconds. */
export interface Session {
  readonly id: string
  readonly userId: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly endedAt: number | null
  readonly address: string
  readonly agent: string
  /** When it was last used, to a minute. */
  readonly seenAt: number
}

/** A session that is not used for this long has ended; infra/docs/how-to/identity.md names it. */
export const SESSION_IDLE_MS = 2 * 3_600_000
/** So often is told that a session is in use. */
const SEEN_EVERY_MS = 60_000

/** A session with what its user is now: a role or a ban must count at once, not at the next login. */
export interface SessionWithUser extends Session {
  readonly email: string | null
  readonly role: UserRole
  readonly tier: UserTier
  readonly disabledAt: number | null
}

export async function createSession(
  db: Database,
  session: Omit<Session, 'endedAt' | 'seenAt'>,
): Promise<void> {
  await db
    .insertInto('sessions')
    .values({
      id: session.id,
      user_id: session.userId,
      created_at: new Date(session.createdAt),
      seen_at: new Date(session.createdAt),
      expires_at: new Date(session.expiresAt),
      address: session.address,
      agent: session.agent,
    })
    .execute()
}

/** Ended and expired ones too: the caller knows the time. */
export async function findSession(db: Database, id: string): Promise<SessionWithUser | undefined> {
  const row = await db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .selectAll('sessions')
    .select(['users.email', 'users.role', 'users.tier', 'users.disabled_at'])
    .where('sessions.id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  const { email, role, tier, disabled_at: disabledAt } = row
  return { ...sessionOf(row), email, role, tier, disabledAt }
}

/** A session that has not ended, not expired, not been idle too long and whose user is not disabled; notes that it is in use. */
export async function useSession(
  db: Database,
  id: string,
  nowMs: number,
): Promise<SessionWithUser | undefined> {
  const found = await findSession(db, id)
  if (!found || found.endedAt !== null || found.disabledAt !== null) return undefined
  const idleMs = nowMs - found.seenAt
  if (found.expiresAt <= nowMs || idleMs >= SESSION_IDLE_MS) return undefined
  if (idleMs >= SEEN_EVERY_MS) await sql`select session_seen(${id}, ${new Date(nowMs)})`.execute(db)
  return found
}

/** A user's sessions that are neither ended nor expired nor idle for too long, newest first. */
export async function listSessions(db: Database, userId: string, nowMs: number): Promise<Session[]> {
  const rows = await db
    .selectFrom('sessions')
    .selectAll()
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', timeOf(nowMs))
    .where('seen_at', '>', timeOf(nowMs - SESSION_IDLE_MS))
    .orderBy('created_at', 'desc')
    .execute()
  return rows.map(sessionOf)
}

/** Returns false when there is no such session or it has ended before. */
export async function endSession(db: Database, id: string, endedAt: number): Promise<boolean> {
  const result = await db
    .updateTable('sessions')
    .set({ ended_at: new Date(endedAt) })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** Returns the ids of the sessions that this call ended. */
export async function endAllSessions(db: Database, userId: string, endedAt: number): Promise<string[]> {
  const rows = await db
    .updateTable('sessions')
    .set({ ended_at: new Date(endedAt) })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map(row => row.id)
}

/** Forgets sessions that ended or expired before then; returns how many. */
export async function deleteOldSessions(db: Database, beforeMs: number): Promise<number> {
  const before = timeOf(beforeMs)
  const result = await db
    .deleteFrom('sessions')
    .where(eb => eb.or([eb('expires_at', '<', before), eb('ended_at', '<', before)]))
    .executeTakeFirst()
  return Number(result.numDeletedRows)
}

function sessionOf(row: Row<'sessions'>): Session {
  return {
    id: row.id,
    userId: row.user_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    endedAt: row.ended_at,
    address: row.address,
    agent: row.agent,
    seenAt: row.seen_at,
  }
}
