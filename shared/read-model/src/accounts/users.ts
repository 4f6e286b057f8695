import { sql } from 'kysely'
import type { Database } from '../database.ts'
import type { Row, UserRole, UserTier } from '../tables.ts'

/** Times are epoch milliseconds. */
export interface User {
  readonly id: string
  readonly email: string | null
  /** Absent: the user cannot log in. */
  readonly passwordHash: string | null
  readonly role: UserRole
  readonly tier: UserTier
  readonly createdAt: number
  readonly disabledAt: number | null
}

export interface NewUser {
  readonly id: string
  readonly email?: string
  readonly passwordHash?: string
  readonly role?: UserRole
  readonly tier?: UserTier
  /** Epoch milliseconds. */
  readonly createdAt: number
}

export type UserCreation =
  | { readonly ok: true; readonly user: User }
  | { readonly ok: false; readonly reason: 'id_taken' | 'email_taken' }

/** E-mail addresses differ only by more than case. The id of an erased user is taken for ever. */
export async function createUser(db: Database, user: NewUser): Promise<UserCreation> {
  const erased = await db.selectFrom('erased_users').select('id').where('id', '=', user.id).executeTakeFirst()
  if (erased) return { ok: false, reason: 'id_taken' }
  const row = await db
    .insertInto('users')
    .values({
      id: user.id,
      email: user.email ?? null,
      password_hash: user.passwordHash ?? null,
      role: user.role ?? 'developer',
      tier: user.tier ?? 'free',
      created_at: new Date(user.createdAt),
    })
    .onConflict(conflict => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (row) return { ok: true, user: userOf(row) }
  return { ok: false, reason: (await findUserById(db, user.id)) ? 'id_taken' : 'email_taken' }
}

export async function findUserById(db: Database, id: string): Promise<User | undefined> {
  const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
  return row && userOf(row)
}

export async function findUserByEmail(db: Database, email: string): Promise<User | undefined> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where(sql`lower(email)`, '=', sql`lower(${email})`)
    .executeTakeFirst()
  return row && userOf(row)
}

export async function hasOperator(db: Database): Promise<boolean> {
  const row = await db
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'operator')
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** All users, oldest first; at most `limit`. */
export async function listUsers(db: Database, limit: number): Promise<User[]> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(userOf)
}

/**
 * Makes sure that the user with this address exists and is an operator. A user that is there already keeps its
 * password; `created` says whether this call made it.
 */
export async function ensureOperator(
  db: Database,
  operator: { id: string; email: string; passwordHash: string; createdAt: number },
): Promise<{ user: User; created: boolean }> {
  const creation = await createUser(db, { ...operator, role: 'operator', tier: 'pro' })
  if (creation.ok) return { user: creation.user, created: true }
  const row = await db
    .updateTable('users')
    .set({ role: 'operator' })
    .where(sql`lower(email)`, '=', sql`lower(${operator.email})`)
    .returningAll()
    .executeTakeFirst()
  if (!row) throw new Error(`user id ${operator.id} belongs to another address than the operator's`)
  return { user: userOf(row), created: false }
}

/** Returns the tier before, or undefined when there is no such user. */
export async function setTier(db: Database, userId: string, tier: UserTier): Promise<UserTier | undefined> {
  const { rows } = await sql<{ tier: UserTier }>`
    with before as (select id, tier from users where id = ${userId} for update)
    update users set tier = ${tier} from before where users.id = before.id
    returning before.tier`.execute(db)
  return rows[0]?.tier
}

/** Returns the role before, or undefined when there is no such user. */
export async function setRole(db: Database, userId: string, role: UserRole): Promise<UserRole | undefined> {
  const { rows } = await sql<{ role: UserRole }>`
    with before as (select id, role from users where id = ${userId} for update)
    update users set role = ${role} from before where users.id = before.id
    returning before.role`.execute(db)
  return rows[0]?.role
}

/** A disabled user can neither log in nor use its keys; null enables it again. Returns whether there is such a user. */
export async function setDisabled(db: Database, userId: string, disabledAt: number | null): Promise<boolean> {
  const result = await db
    .updateTable('users')
    .set({ disabled_at: disabledAt === null ? null : new Date(disabledAt) })
    .where('id', '=', userId)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

function userOf(row: Row<'users'>): User {
  return {
    id: row.id,
    email: row.email,
    passwordHash: row.password_hash,
    role: row.role,
    tier: row.tier,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
  }
}
