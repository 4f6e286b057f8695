import { parseIdentity } from '@fluxgate/contracts'
import type { Database } from '@fluxgate/read-model'
import type { Names } from './answers.ts'

/** What the users and keys of these identities are called; ids without an account are left out. */
export async function namesOf(
  db: Database,
  identities: Iterable<{ readonly userId: string; readonly keyId: string }>,
): Promise<Names> {
  const users = new Set<string>()
  const keys = new Set<string>()
  for (const { userId, keyId } of identities) {
    users.add(userId)
    keys.add(keyId)
  }
  if (users.size === 0) return { users: {}, keys: {} }
  const [userRows, keyRows] = await Promise.all([
    db
      .selectFrom('users')
      .select(['id', 'email', 'tier'])
      .where('id', 'in', [...users])
      .execute(),
    db
      .selectFrom('api_keys')
      .select(['id', 'name', 'prefix', 'last4'])
      .where('id', 'in', [...keys])
      .execute(),
  ])
  return {
    users: Object.fromEntries(userRows.map(({ id, ...user }) => [id, user])),
    keys: Object.fromEntries(keyRows.map(({ id, ...key }) => [id, key])),
  }
}

/** The same for an identity as text; null has none. */
export async function namesOfIdentity(db: Database, identity: string | null): Promise<Names> {
  const owner = identity === null ? undefined : parseIdentity(identity)
  return namesOf(db, owner ? [{ userId: owner.user, keyId: owner.key }] : [])
}
