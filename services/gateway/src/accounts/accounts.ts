import type { DataOf, EventMaker, OutgoingEvent, TierName, UserRegistered } from '@fluxgate/contracts'
import { randomText } from './api-key.ts'

/** Ids of users of external issuers, and of no others, begin so. */
export const OIDC_USER_PREFIX = 'oidc_'

/** Accounts as Postgres keeps them: interface of the adapter in `out`. Times are epoch milliseconds. */
export interface Accounts {
  createUser(user: NewAccount): Promise<AccountCreation>
  findUserById(id: string): Promise<Account | undefined>
  findUserByEmail(normalisedEmail: string): Promise<Account | undefined>
  listUsers(limit: number): Promise<readonly Account[]>
  /** Only over the hash that was there, so that two changes at once are one; false when it was another. */
  changePassword(userId: string, from: string | null, to: string): Promise<boolean>
  /** Returns the role before, or undefined when there is no such user. */
  setRole(userId: string, role: AccountRole): Promise<AccountRole | undefined>
  /** Null enables the user again. Returns whether there is such a user. */
  setDisabled(userId: string, disabledAt: number | null): Promise<boolean>
  isTierInUse(tier: TierName): Promise<boolean>
  /** Returns the tier before, or undefined when there is no such user. */
  setTier(userId: string, tier: TierName): Promise<TierName | undefined>
  hasOperator(): Promise<boolean>
  /** Deletes account, keys, sessions and invitations. Returns undefined when there is no such user. */
  eraseUser(
    userId: string,
    atMs: number,
  ): Promise<{ readonly liveKeys: readonly string[]; readonly sessions: readonly string[] } | undefined>

  createInvitation(invitation: NewInvitation): Promise<void>
  listInvitations(limit: number, nowMs: number): Promise<readonly Invitation[]>
  findOpenInvitation(tokenHash: Uint8Array, nowMs: number): Promise<Invitation | undefined>
  /** Returns undefined when it cannot be used any more; it is used up too when the address has an account by now. */
  createInvitedUser(
    tokenHash: Uint8Array,
    user: Omit<NewAccount, 'role' | 'tier'>,
  ): Promise<{ readonly invitation: Invitation; readonly creation: AccountCreation } | undefined>
  /** Returns the invitation when this call revoked it. */
  revokeInvitation(id: string, atMs: number): Promise<Invitation | undefined>

  /** Returns undefined when there is no such user. */
  createKey(key: NewAccountKey): Promise<AccountKey | undefined>
  listKeys(userId: string): Promise<readonly AccountKey[]>
  /** Returns undefined when the user has no such key; `changed` is false when it was revoked before. */
  revokeKey(
    userId: string,
    keyId: string,
    atMs: number,
  ): Promise<{ readonly key: AccountKey; readonly changed: boolean } | undefined>
  ownerOfKey(keyId: string): Promise<string | undefined>
  findKeyByHash(hash: Uint8Array): Promise<{ readonly userId: string; readonly keyId: string } | undefined>

  createSession(session: AccountSession): Promise<void>
  /** Undefined when it has ended, has expired, was idle too long or its user is disabled; notes that it is in use. */
  findLiveSession(id: string, nowMs: number): Promise<LiveSession | undefined>
  listSessions(userId: string, nowMs: number): Promise<readonly AccountSession[]>
  /** False when the user has no such session or it has ended before. */
  endSession(userId: string, id: string, atMs: number): Promise<boolean>
  /** Returns the ids of the sessions that this call ended. */
  endAllSessions(userId: string, atMs: number): Promise<readonly string[]>
}

export type AccountRole = DataOf<typeof UserRegistered>['role']

export interface Account {
  readonly id: string
  /** Absent for users that an administrator made by id alone; they cannot log in. */
  readonly email: string | null
  readonly passwordHash: string | null
  readonly role: AccountRole
  readonly tier: TierName
  readonly createdAt: number
  readonly disabledAt: number | null
}

export interface NewAccount {
  readonly id: string
  readonly email?: string
  readonly passwordHash?: string
  readonly role?: AccountRole
  readonly tier?: TierName
  readonly createdAt: number
}

export type AccountCreation =
  | { readonly ok: true; readonly user: Account }
  | { readonly ok: false; readonly reason: 'id_taken' | 'email_taken' }

export interface Invitation {
  readonly id: string
  /** The only address that may register with it; null once it has ended. */
  readonly email: string | null
  readonly role: AccountRole
  readonly tier: TierName
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly usedAt: number | null
  readonly usedBy: string | null
  readonly revokedAt: number | null
}

export interface NewInvitation
  extends Pick<Invitation, 'id' | 'role' | 'tier' | 'createdAt' | 'createdBy' | 'expiresAt'> {
  /** SHA-256 of the token. */
  readonly tokenHash: Uint8Array
  readonly email: string
}

export interface AccountKey {
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

export interface NewAccountKey {
  readonly id: string
  readonly userId: string
  readonly hash: Uint8Array
  readonly prefix: string
  readonly last4: string
  readonly name: string
  readonly createdAt: number
  readonly expiresAt?: number
}

export interface AccountSession {
  readonly id: string
  readonly userId: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly address: string
  readonly agent: string
}

/** A session with what its user is now: a role that is taken counts at once, not at the next login. */
export interface LiveSession extends AccountSession {
  readonly email: string | null
  readonly role: AccountRole
  readonly tier: TierName
}

/** What every change of an account needs. Each is a row first and a fact after it: no fact tells what did not happen. */
export interface AccountTools {
  readonly accounts: Accounts
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  /** From a cryptographic source. */
  readonly random: (size: number) => Uint8Array
  readonly epochMs: () => number
  /** So that this node need not wait for the log to hear of it, nor for a log that is away. */
  readonly onKeyRevoked?: (keyId: string) => void
  /** His keys have to be asked for again: the tier is another, or he was disabled or enabled. */
  readonly onUserChanged?: (userId: string) => void
  readonly onSessionEnded?: (sessionId: string) => void
}

/** `key` in all facts about a person's account. */
export const PORTAL = 'portal'

const ID_CHARS = 16

/** 95 random bits after a word that says of what; an id is a name, not a secret. */
export function newId(kind: 'usr' | 'key' | 'inv', { random }: Pick<AccountTools, 'random'>): string {
  return `${kind}_${randomText(ID_CHARS, random)}`
}
