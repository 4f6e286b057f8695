import { sql } from 'kysely'
import type { Database } from '../database.ts'
import type { Row, UserRole, UserTier } from '../tables.ts'

/** What a gateway must know of a key to let it in. Times are epoch milliseconds. */
export interface KeyIdentity {
  readonly keyId: string
  readonly userId: string
  readonly tier: UserTier
  readonly role: UserRole
  readonly revokedAt: number | null
  readonly expiresAt: number | null
  /** When its user was disabled. */
  readonly disabledAt: number | null
}

/** A key as its owner sees it. Times are epoch milliseconds. */
export interface ApiKey {
  readonly id: string
  readonly userId: string
  readonly prefix: string
  readonly last4: string
  readonly name: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

export interface NewKey {
  readonly id: string
  readonly userId: string
  /** SHA-256 of the whole key, 32 bytes. */
  readonly hash: Uint8Array
  readonly prefix: string
  readonly last4: string
  readonly name: string
  readonly createdAt: number
  readonly expiresAt?: number
}

export async function findKeyByHash(db: Database, hash: Uint8Array): Promise<KeyIdentity | undefined> {
  return db
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .select([
      'api_keys.id as keyId',
      'users.id as userId',
      'users.tier',
      'users.role',
      'api_keys.revoked_at as revokedAt',
      'api_keys.expires_at as expiresAt',
      'users.disabled_at as disabledAt',
    ])
    .where('api_keys.hash', '=', Buffer.from(hash))
    .executeTakeFirst()
}

/** @returns the id of the user that the key belongs to */
export async function findKeyById(db: Database, keyId: string): Promise<string | undefined> {
  const row = await db.selectFrom('api_keys').select('user_id').where('id', '=', keyId).executeTakeFirst()
  return row?.user_id
}

/** Returns undefined when there is no such user. */
export async function createKey(db: Database, key: NewKey): Promise<ApiKey | undefined> {
  const expiresAt = key.expiresAt === undefined ? null : new Date(key.expiresAt)
  const { rows } = await sql<Row<'api_keys'>>`
    insert into api_keys (id, user_id, hash, prefix, last4, name, created_at, expires_at)
    select ${key.id}, id, ${Buffer.from(key.hash)}::bytea, ${key.prefix}, ${key.last4}, ${key.name},
      ${new Date(key.createdAt)}::timestamptz, ${expiresAt}::timestamptz
    from users where id = ${key.userId}
    returning *`.execute(db)
  return rows[0] && keyOf(rows[0])
}

/** A user's keys, revoked ones too, newest first. */
export async function listKeys(db: Database, userId: string): Promise<ApiKey[]> {
  const rows = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map(keyOf)
}

/**
 * Revokes a key of this user. Returns the key, `changed` false when it was revoked before; undefined when the user has
 * no such key.
 */
export async function revokeKey(
  db: Database,
  userId: string,
  keyId: string,
  revokedAt: number,
): Promise<{ key: ApiKey; changed: boolean } | undefined> {
  const { rows } = await sql<Row<'api_keys'> & { changed: boolean }>`
    with before as (
      select id, revoked_at is null as changed from api_keys
      where id = ${keyId} and user_id = ${userId} for update
    )
    update api_keys set revoked_at = coalesce(api_keys.revoked_at, ${new Date(revokedAt)})
    from before where api_keys.id = before.id
    returning api_keys.*, before.changed`.execute(db)
  return rows[0] && { key: keyOf(rows[0]), changed: rows[0].changed }
}

/** Notes when keys were last used; older times than the one noted change nothing. */
export async function touchKeys(
  db: Database,
  lastUsed: ReadonlyArray<{ keyId: string; usedAt: number }>,
): Promise<void> {
  if (lastUsed.length === 0) return
  const ids = lastUsed.map(use => use.keyId)
  const times = lastUsed.map(use => new Date(use.usedAt).toISOString())
  await sql`
    update api_keys set last_used_at = used.at
    from (
      select id, max(at) as at from unnest(${ids}::text[], ${times}::timestamptz[]) as input (id, at) group by id
    ) as used
    where api_keys.id = used.id and (last_used_at is null or last_used_at < used.at)`.execute(db)
}

function keyOf(row: Row<'api_keys'>): ApiKey {
  return {
    id: row.id,
    userId: row.user_id,
    prefix: row.prefix,
    last4: row.last4,
    name: row.name,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }
}
