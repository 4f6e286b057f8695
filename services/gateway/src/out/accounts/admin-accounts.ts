import {
  type EventMaker,
  type Identity,
  KeyCreated,
  KeyRevoked,
  type OutgoingEvent,
  parseIdentity,
  TierChanged,
  UserRegistered,
} from '@fluxgate/contracts'
import {
  createKey,
  createUser,
  type Database,
  findKeyByHash,
  findKeyById,
  findUserById,
  listKeys,
  listUsers,
  revokeKey,
  setTier,
} from '@fluxgate/read-model'
import type { AdminAccounts } from '../../core/accounts/admin-accounts.ts'
import { checkApiKey, hashBytes, newApiKey } from '../../core/accounts/api-key.ts'

const ACTOR = 'admin'
const MAX_USERS = 10_000
const ID_BYTES = 9

export interface AdminAccountsDeps {
  readonly db: Database
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  readonly random: (bytes: number) => Buffer
  readonly epochMs: () => number
}

/** Each change is a row first and a fact after it, so that no fact tells of what did not happen. */
export function adminAccounts({ db, append, make, random, epochMs }: AdminAccountsDeps): AdminAccounts {
  return {
    async generateKey(userId, { tier, name }) {
      const createdAt = epochMs()
      const made = await createUser(db, { id: userId, createdAt, ...(tier ? { tier } : {}) })
      const user = made.ok ? made.user : await findUserById(db, userId)
      if (!user) throw new Error(`user ${userId} can neither be made nor found`)
      const account = { user: userId, key: 'portal' }
      if (made.ok) {
        const { role } = user
        append(make(UserRegistered, { ...account, role, tier: user.tier, actor: ACTOR, address: 'admin' }))
      } else if (tier && tier !== user.tier) {
        await setTier(db, userId, tier)
        append(make(TierChanged, { ...account, from: user.tier, to: tier, actor: ACTOR }))
      }
      const { key, hash, prefix, last4 } = newApiKey(random)
      const id = `key_${random(ID_BYTES).toString('base64url').replaceAll('-', 'x').replaceAll('_', 'y')}`
      await createKey(db, { id, userId, hash: hashBytes(hash), prefix, last4, name, createdAt })
      append(make(KeyCreated, { user: userId, key: id, name, prefix, actor: ACTOR }))
      return { key, id, userId, tier: tier ?? user.tier, prefix }
    },

    async revokeKey(keyId, reason) {
      const userId = await findKeyById(db, keyId)
      const revoked = userId === undefined ? undefined : await revokeKey(db, userId, keyId, epochMs())
      if (userId === undefined || !revoked?.changed) return undefined
      append(make(KeyRevoked, { user: userId, key: keyId, actor: ACTOR, reason }))
      return { user: userId, key: keyId }
    },

    async setTier(userId, tier) {
      const from = await setTier(db, userId, tier)
      if (from === undefined) return undefined
      if (from !== tier)
        append(make(TierChanged, { user: userId, key: 'portal', from, to: tier, actor: ACTOR }))
      return { from, to: tier }
    },

    listUsers: () => listUsers(db, MAX_USERS),
    listKeys: userId => listKeys(db, userId),

    async resolve(identifier): Promise<Identity | undefined> {
      const checked = checkApiKey(identifier)
      if (checked.ok) {
        const found = await findKeyByHash(db, hashBytes(checked.hash))
        return found && { user: found.userId, key: found.keyId }
      }
      const identity = parseIdentity(identifier)
      if (identity) return identity
      const user = await findKeyById(db, identifier)
      return user === undefined ? undefined : { user, key: identifier }
    },
  }
}
