import { sql } from 'kysely'
import type { Database } from '../database.ts'

export interface ErasedUser {
  /** Ids of the keys that were deleted; those that had not been revoked. */
  readonly liveKeys: readonly string[]
  readonly sessions: readonly string[]
}

/**
 * Deletes all that links a user's id to a person: the account's row, its keys, sessions and invitations. The id is kept
 * as an erased one, so that nobody gets it again. @returns undefined when there is no such user
 */
export function eraseUser(db: Database, userId: string, atMs: number): Promise<ErasedUser | undefined> {
  return db.transaction().execute(async trx => {
    const user = await trx
      .selectFrom('users')
      .select('email')
      .where('id', '=', userId)
      .forUpdate()
      .executeTakeFirst()
    if (!user) return undefined
    const keys = await trx
      .selectFrom('api_keys')
      .select('id')
      .where('user_id', '=', userId)
      .where('revoked_at', 'is', null)
      .execute()
    const sessions = await trx.selectFrom('sessions').select('id').where('user_id', '=', userId).execute()
    await sql`delete from invitations where used_by = ${userId} or lower(email) = lower(${user.email})`.execute(
      trx,
    )
    await trx
      .insertInto('erased_users')
      .values({ id: userId, erased_at: new Date(atMs) })
      .onConflict(conflict => conflict.doNothing())
      .execute()
    // Keys and sessions go with it.
    await trx.deleteFrom('users').where('id', '=', userId).execute()
    return { liveKeys: keys.map(key => key.id), sessions: sessions.map(session => session.id) }
  })
}
