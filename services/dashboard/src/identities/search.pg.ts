import { parseIdentity } from '@fluxgate/contracts'
import type { Database } from '@fluxgate/read-model'
import { namesOf } from '../accounts/index.ts'
import type { FoundIdentities } from './answers.ts'

/** Keys whose id, name or ends, or whose user's id or address, hold the text; and the identity that the text is. */
export async function findIdentities(db: Database, text: string, limit: number): Promise<FoundIdentities> {
  const part = `%${text.replace(/[\\%_]/g, '\\$&')}%`
  const rows = await db
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .select(['api_keys.user_id as userId', 'api_keys.id as keyId'])
    .where(eb =>
      eb.or([
        eb('users.id', 'ilike', part),
        eb('users.email', 'ilike', part),
        eb('api_keys.id', 'ilike', part),
        eb('api_keys.name', 'ilike', part),
        eb('api_keys.prefix', 'ilike', part),
        eb('api_keys.last4', 'ilike', part),
      ]),
    )
    .orderBy('api_keys.created_at', 'desc')
    .limit(limit + 1)
    .execute()
  const named = parseIdentity(text)
  const own = named ? [{ userId: named.user, keyId: named.key }] : []
  const items = [...own, ...rows.slice(0, limit)]
  return { items, more: rows.length > limit, names: await namesOf(db, items) }
}
