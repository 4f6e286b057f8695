import { type Identity, parseIdentity, type TierName } from '@fluxgate/contracts'
import { done, type Outcome, refused } from '../http/index.ts'
import { issueKey, revoke } from './account-keys.ts'
import type { Account, AccountKey, AccountRole, Invitation } from './accounts.ts'
import {
  ACTOR,
  type AdminTools,
  changeRole,
  changeTier,
  createUser,
  disableUser,
  enableUser,
  refusalOf,
  type UserRequest,
} from './admin-users.ts'
import { checkApiKey, hashBytes } from './api-key.ts'
import { eraseUser } from './erase-user.ts'
import {
  createInvitation,
  type InvitationRequest,
  type NewInvitationToken,
  revokeInvitation,
} from './invitations.ts'
import { isLive } from './own-keys.ts'

/** What the admin face does with users and keys; times are epoch milliseconds. Every change names who ordered it. */
export interface AdminAccounts {
  /** The same, for orders of somebody else than `admin`. */
  as(actor: string): AdminAccounts
  /** Makes the user when there is none; a tier that is given becomes the user's. */
  generateKey(
    userId: string,
    options: { tier: TierName | undefined; name: string; expiresAt?: number | undefined },
  ): Promise<Outcome<GeneratedKey>>
  /** Undefined when there is no such key or it was revoked before. */
  revokeKey(keyId: string, reason: string): Promise<Identity | undefined>
  /** A tier has to be defined before a user is put into it. */
  setTier(userId: string, tier: TierName): Promise<Outcome<{ from: TierName; to: TierName }>>
  setRole(userId: string, role: AccountRole): Promise<Outcome<{ from: AccountRole; to: AccountRole }>>
  isTierInUse(tier: TierName): Promise<boolean>
  createUser(request: UserRequest): Promise<Outcome<AdminUser>>
  /** Ends the user's sessions and refuses the keys, at every node, until the user is enabled again. */
  disableUser(userId: string, reason: string): Promise<Outcome<AdminUser>>
  enableUser(userId: string, reason: string): Promise<Outcome<AdminUser>>
  /** Deletes all that links the user's id to a person. The id stays in the log and is never given again. */
  eraseUser(
    userId: string,
    reason: string,
  ): Promise<Outcome<{ readonly id: string; readonly keys: number; readonly sessions: number }>>
  createInvitation(request: InvitationRequest): Promise<Outcome<NewInvitationToken>>
  listInvitations(): Promise<readonly Invitation[]>
  revokeInvitation(id: string): Promise<Outcome<Invitation>>
  getUser(userId: string): Promise<AdminUser | undefined>
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
  /** Epoch milliseconds; null is never. */
  readonly expiresAt: number | null
}

export type AdminUser = Pick<Account, 'id' | 'role' | 'tier' | 'createdAt' | 'disabledAt'>
export type AdminKey = Omit<AccountKey, 'userId'>

/** What a user or key id can be; nothing else is asked of the database. */
const ID = /^[\w-]{1,64}$/
const MAX_USERS = 10_000
const MAX_INVITATIONS = 1_000

export function administer(tools: AdminTools): AdminAccounts {
  const { accounts, epochMs, actor = ACTOR } = tools
  return {
    as: other => administer({ ...tools, actor: other }),

    async generateKey(userId, { tier, name, expiresAt }) {
      const fault = await refusalOf(tools, userId, tier)
      if (fault) return fault
      const user = await findOrMake(tools, userId, tier)
      if (!user) return refused('conflict', 'This user can be neither made nor found.')
      if (user.disabledAt !== null) return refused('conflict', 'This user is disabled.')
      if (tier !== undefined && tier !== user.tier) await changeTier(tools, userId, tier)
      const issued = await issueKey(tools, { userId, name, expiresAt, actor })
      if (!issued.ok) return issued
      const { key, record } = issued.value
      const { id, prefix } = record
      return done({ key, id, userId, tier: tier ?? user.tier, prefix, expiresAt: record.expiresAt })
    },

    async revokeKey(keyId, reason) {
      const userId = ID.test(keyId) ? await accounts.ownerOfKey(keyId) : undefined
      if (userId === undefined) return undefined
      const revoked = await revoke(tools, { userId, keyId, actor, reason })
      return revoked.ok && revoked.value.changed ? { user: userId, key: keyId } : undefined
    },

    setTier: (userId, tier) => changeTier(tools, userId, tier),
    setRole: (userId, role) => changeRole(tools, userId, role),
    isTierInUse: tier => accounts.isTierInUse(tier),
    createUser: async request => seen(await createUser(tools, request)),
    disableUser: async (userId, reason) => seen(await disableUser(tools, userId, reason)),
    enableUser: async (userId, reason) => seen(await enableUser(tools, userId, reason)),

    eraseUser: (userId, reason) => eraseUser(tools, userId, reason),
    createInvitation: request => createInvitation(tools, request),
    listInvitations: () => accounts.listInvitations(MAX_INVITATIONS, epochMs()),
    revokeInvitation: id => revokeInvitation(tools, id),

    async getUser(userId) {
      const found = ID.test(userId) ? await accounts.findUserById(userId) : undefined
      return found && userOf(found)
    },

    async listUsers() {
      return (await accounts.listUsers(MAX_USERS)).map(userOf)
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
  tools: AdminTools,
  id: string,
  tier: TierName | undefined,
): Promise<Account | undefined> {
  const found = await tools.accounts.findUserById(id)
  if (found) return found
  const made = await createUser(tools, { id, tier, role: undefined })
  // Somebody else made it in between.
  return made.ok ? made.value : tools.accounts.findUserById(id)
}

function seen(outcome: Outcome<Account>): Outcome<AdminUser> {
  return outcome.ok ? done(userOf(outcome.value)) : outcome
}

/** No address and no hash of a person. */
function userOf({ id, role, tier, createdAt, disabledAt }: Account): AdminUser {
  return { id, role, tier, createdAt, disabledAt }
}
