import {
  ANONYMOUS,
  type Identity,
  parseIdentity,
  TierChanged,
  type TierName,
  UserRegistered,
} from '@fluxgate/contracts'
import { issueKey, revoke } from './account-keys.ts'
import { type Account, type AccountKey, type AccountTools, PORTAL } from './accounts.ts'
import { checkApiKey, hashBytes } from './api-key.ts'
import { done, type Outcome, refused } from './fault.ts'
import { isLive } from './own-keys.ts'

/** What the admin face does with users and keys; times are epoch milliseconds. Every change names `admin`. */
export interface AdminAccounts {
  /** Makes the user when there is none; a tier that is given becomes the user's. */
  generateKey(
    userId: string,
    options: { tier: TierName | undefined; name: string },
  ): Promise<Outcome<GeneratedKey>>
  /** Undefined when there is no such key or it was revoked before. */
  revokeKey(keyId: string, reason: string): Promise<Identity | undefined>
  setTier(userId: string, tier: TierName): Promise<{ from: TierName; to: TierName } | undefined>
  listUsers(): Promise<readonly AdminUser[]>
  listKeys(userId: string): Promise<readonly AdminKey[]>
  /** Reads `<user>.<key>`, a key id, a whole key, or a user id, which means all live keys of the user. */
  resolve(identifier: string): Promise<readonly Identity[]>
}

export interface GeneratedKey {
  /** Shown this once. */
  readonly key: string
  readonly id: string
  readonly userId: string
  readonly tier: TierName
  readonly prefix: string
}

export type AdminUser = Pick<Account, 'id' | 'role' | 'tier' | 'createdAt' | 'disabledAt'>
export type AdminKey = Omit<AccountKey, 'userId'>

const ACTOR = 'admin'
/** What a user or key id can be; nothing else is asked of the database. */
const ID = /^[\w-]{1,64}$/
const MAX_USERS = 10_000

export function administer(tools: AccountTools): AdminAccounts {
  const { accounts, epochMs } = tools
  return {
    async generateKey(userId, { tier, name }) {
      if (userId === ANONYMOUS)
        return refused('invalid_body', `${ANONYMOUS} is no user: it is who has no key.`)
      const user = await findOrMake(tools, userId, tier)
      if (!user) return refused('conflict', 'This user can be neither made nor found.')
      if (user.disabledAt !== null) return refused('conflict', 'This user is disabled.')
      if (tier !== undefined && tier !== user.tier) await changeTier(tools, userId, tier)
      const issued = await issueKey(tools, { userId, name, actor: ACTOR })
      if (!issued.ok) return issued
      const { key, record } = issued.value
      return done({ key, id: record.id, userId, tier: tier ?? user.tier, prefix: record.prefix })
    },

    async revokeKey(keyId, reason) {
      const userId = ID.test(keyId) ? await accounts.ownerOfKey(keyId) : undefined
      if (userId === undefined) return undefined
      const revoked = await revoke(tools, { userId, keyId, actor: ACTOR, reason })
      return revoked.ok && revoked.value.changed ? { user: userId, key: keyId } : undefined
    },

    setTier: (userId, tier) => changeTier(tools, userId, tier),

    async listUsers() {
      const users = await accounts.listUsers(MAX_USERS)
      return users.map(({ id, role, tier, createdAt, disabledAt }) => ({
        id,
        role,
        tier,
        createdAt,
        disabledAt,
      }))
    },

    async listKeys(userId) {
      const keys = await accounts.listKeys(userId)
      return keys.map(({ userId: _, ...key }) => key)
    },

    async resolve(identifier) {
      const identity = parseIdentity(identifier)
      if (identity) return [identity]
      const checked = checkApiKey(identifier)
      if (checked.ok) {
        const found = await accounts.findKeyByHash(hashBytes(checked.hash))
        return found ? [{ user: found.userId, key: found.keyId }] : []
      }
      if (!ID.test(identifier)) return []
      const owner = await accounts.ownerOfKey(identifier)
      if (owner !== undefined) return [{ user: owner, key: identifier }]
      const keys = await accounts.listKeys(identifier)
      return keys.filter(key => isLive(key, epochMs())).map(key => ({ user: identifier, key: key.id }))
    },
  }
}

async function findOrMake(
  tools: AccountTools,
  id: string,
  tier: TierName | undefined,
): Promise<Account | undefined> {
  const found = await tools.accounts.findUserById(id)
  if (found) return found
  const made = await tools.accounts.createUser({ id, createdAt: tools.epochMs(), ...(tier ? { tier } : {}) })
  // Somebody else made it in between.
  if (!made.ok) return tools.accounts.findUserById(id)
  const { role } = made.user
  const fact = { user: id, key: PORTAL, role, tier: made.user.tier, actor: ACTOR, address: ACTOR }
  tools.append(tools.make(UserRegistered, fact))
  return made.user
}

async function changeTier(
  { accounts, append, make, onTierChanged }: AccountTools,
  user: string,
  to: TierName,
): Promise<{ from: TierName; to: TierName } | undefined> {
  const from = await accounts.setTier(user, to)
  if (from === undefined) return undefined
  onTierChanged?.(user)
  if (from !== to) append(make(TierChanged, { user, key: PORTAL, from, to, actor: ACTOR }))
  return { from, to }
}
