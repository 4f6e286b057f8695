import {
  createInvitation,
  createInvitedUser,
  createKey,
  createSession,
  createUser,
  type Database,
  endAllSessions,
  endSession,
  eraseUser,
  findKeyByHash,
  findKeyById,
  findOpenInvitation,
  findSession,
  findUserByEmail,
  findUserById,
  hasOperator,
  listInvitations,
  listKeys,
  listSessions,
  listUsers,
  revokeInvitation,
  revokeKey,
  setDisabled,
  setRole,
  setTier,
  useSession,
} from '@fluxgate/read-model'
import { AccountsUnavailable } from '../http/index.ts'
import type { Accounts } from './accounts.ts'

/** Accounts in Postgres. @throws AccountsUnavailable when Postgres cannot be asked */
export function openAccounts(db: Database): Accounts {
  return reportingOutages({
    createUser: user => createUser(db, user),
    findUserById: id => findUserById(db, id),
    findUserByEmail: email => findUserByEmail(db, email),
    listUsers: limit => listUsers(db, limit),
    changePassword: (userId, from, to) => changePassword(db, userId, from, to),
    setRole: (userId, role) => setRole(db, userId, role),
    setDisabled: (userId, disabledAt) => setDisabled(db, userId, disabledAt),
    async isTierInUse(tier) {
      const user = await db
        .selectFrom('users')
        .select('id')
        .where('tier', '=', tier)
        .limit(1)
        .executeTakeFirst()
      return user !== undefined
    },
    setTier: (userId, tier) => setTier(db, userId, tier),
    hasOperator: () => hasOperator(db),
    eraseUser: (userId, atMs) => eraseUser(db, userId, atMs),

    createInvitation: invitation => createInvitation(db, invitation),
    listInvitations: (limit, nowMs) => listInvitations(db, limit, nowMs),
    findOpenInvitation: (tokenHash, nowMs) => findOpenInvitation(db, tokenHash, nowMs),
    createInvitedUser: (tokenHash, user) => createInvitedUser(db, tokenHash, user),
    revokeInvitation: (id, atMs) => revokeInvitation(db, id, atMs),

    createKey: key => createKey(db, key),
    listKeys: userId => listKeys(db, userId),
    revokeKey: (userId, keyId, atMs) => revokeKey(db, userId, keyId, atMs),
    ownerOfKey: keyId => findKeyById(db, keyId),
    findKeyByHash: hash => findKeyByHash(db, hash),

    createSession: session => createSession(db, session),
    findLiveSession: (id, nowMs) => useSession(db, id, nowMs),
    listSessions: (userId, nowMs) => listSessions(db, userId, nowMs),
    async endSession(userId, id, atMs) {
      // The id alone would end it; whose it is must be asked first.
      const found = await findSession(db, id)
      return found?.userId === userId && (await endSession(db, id, atMs))
    },
    endAllSessions: (userId, atMs) => endAllSessions(db, userId, atMs),
  })
}

async function changePassword(
  db: Database,
  userId: string,
  from: string | null,
  to: string,
): Promise<boolean> {
  const changed = await db
    .updateTable('users')
    .set({ password_hash: to })
    .where('id', '=', userId)
    .where('password_hash', from === null ? 'is' : '=', from)
    .executeTakeFirst()
  return changed.numUpdatedRows > 0n
}

function reportingOutages(accounts: Accounts): Accounts {
  const guarded = Object.entries(accounts).map(
    ([name, method]: [string, (...args: never[]) => Promise<unknown>]) => [
      name,
      async (...args: never[]) => {
        try {
          return await method(...args)
        } catch (error) {
          throw isOutage(error) ? new AccountsUnavailable(error) : error
        }
      },
    ],
  )
  return Object.fromEntries(guarded) as Accounts
}

/** SQLSTATE classes 08 (connection), 53 (resources) and 57 (operator intervention), and what `pg` says without one. */
const OUTAGE_CODE = /^(08|53|57)|^E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_AGAIN)/
const OUTAGE_TEXT = /timeout exceeded when trying to connect|connection terminated|connection error/i

function isOutage(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isOutage)
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return (typeof code === 'string' && OUTAGE_CODE.test(code)) || OUTAGE_TEXT.test(error.message)
}
