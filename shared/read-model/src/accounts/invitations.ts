import { sql, type Transaction } from 'kysely'
import type { Database } from '../database.ts'
import type { Row, Tables, UserRole, UserTier } from '../tables.ts'
import { timeOf } from '../time.ts'
import { createUser, type NewUser, type UserCreation } from './users.ts'

/** A one-time invitation to register. Times are epoch milliseconds. */
export interface Invitation {
  readonly id: string
  /** The only address that may register with it; null once it has ended. */
  readonly email: string | null
  readonly role: UserRole
  readonly tier: UserTier
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly usedAt: number | null
  readonly usedBy: string | null
  readonly revokedAt: number | null
}

export interface NewInvitation {
  readonly id: string
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array
  readonly email: string
  readonly role: UserRole
  readonly tier: UserTier
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
}

/** An invitation that has ended is shown for this long, and then deleted. */
export const ENDED_INVITATION_MS = 30 * 86_400_000

export async function createInvitation(db: Database, invitation: NewInvitation): Promise<void> {
  await tidyInvitations(db, invitation.createdAt)
  await db
    .insertInto('invitations')
    .values({
      id: invitation.id,
      token_hash: Buffer.from(invitation.tokenHash),
      email: invitation.email,
      role: invitation.role,
      tier: invitation.tier,
      created_at: new Date(invitation.createdAt),
      created_by: invitation.createdBy,
      expires_at: new Date(invitation.expiresAt),
    })
    .execute()
}

/** Newest first, ended ones too. */
export async function listInvitations(db: Database, limit: number, nowMs: number): Promise<Invitation[]> {
  await tidyInvitations(db, nowMs)
  const rows = await db
    .selectFrom('invitations')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(invitationOf)
}

/** One that can be used now. */
export async function findOpenInvitation(
  db: Database,
  tokenHash: Uint8Array,
  nowMs: number,
): Promise<Invitation | undefined> {
  const row = await db
    .selectFrom('invitations')
    .selectAll()
    .where('token_hash', '=', Buffer.from(tokenHash))
    .where('used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', timeOf(nowMs))
    .executeTakeFirst()
  return row && invitationOf(row)
}

/** Returns the invitation when this call revoked it. */
export async function revokeInvitation(
  db: Database,
  id: string,
  atMs: number,
): Promise<Invitation | undefined> {
  const row = await db
    .updateTable('invitations')
    .set({ revoked_at: new Date(atMs), email: null })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  return row && invitationOf(row)
}

/**
 * Uses an invitation up and makes its user, or neither. It is used up too when the address has got an account in
 * between. @returns undefined when it cannot be used (any more)
 */
export function createInvitedUser(
  db: Database,
  tokenHash: Uint8Array,
  user: Omit<NewUser, 'role' | 'tier'>,
): Promise<{ readonly invitation: Invitation; readonly creation: UserCreation } | undefined> {
  return db.transaction().execute(async trx => {
    const row = await useUp(trx, tokenHash, user)
    if (!row) return undefined
    const invitation = invitationOf(row)
    const { role, tier } = invitation
    return { invitation, creation: await createUser(trx, { ...user, role, tier }) }
  })
}

function useUp(
  trx: Transaction<Tables>,
  tokenHash: Uint8Array,
  { id, createdAt }: Omit<NewUser, 'role' | 'tier'>,
): Promise<Row<'invitations'> | undefined> {
  return trx
    .updateTable('invitations')
    .set({ used_at: new Date(createdAt), used_by: id, email: null })
    .where('token_hash', '=', Buffer.from(tokenHash))
    .where('used_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', timeOf(createdAt))
    .returningAll()
    .executeTakeFirst()
}

/** Addresses of invitations that have expired are forgotten at once, and what ended long ago is deleted. */
async function tidyInvitations(db: Database, nowMs: number): Promise<void> {
  const now = timeOf(nowMs)
  const before = timeOf(nowMs - ENDED_INVITATION_MS)
  await sql`update invitations set email = null where email is not null and expires_at < ${now}`.execute(db)
  await sql`delete from invitations where coalesce(used_at, revoked_at, expires_at) < ${before}`.execute(db)
}

function invitationOf(row: Row<'invitations'>): Invitation {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    tier: row.tier,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    usedAt: row.used_at,
    usedBy: row.used_by,
    revokedAt: row.revoked_at,
  }
}
