import { KeyCreated, KeyRevoked } from '@fluxgate/contracts'
import { done, type Outcome, refused } from '../http/index.ts'
import { type AccountKey, type AccountTools, newId } from './accounts.ts'
import { hashBytes, newApiKey } from './api-key.ts'

export interface KeyRequest {
  readonly userId: string
  readonly name: string
  /** Epoch milliseconds; absent is never. */
  readonly expiresAt?: number | undefined
  readonly actor: string
}

/** The whole key is in this answer and nowhere else. */
export interface IssuedKey {
  readonly key: string
  readonly record: AccountKey
}

const NO_KEY = refused('not_found', 'There is no such key.')

export async function issueKey(tools: AccountTools, request: KeyRequest): Promise<Outcome<IssuedKey>> {
  const { userId, name, expiresAt, actor } = request
  const { key, hash, prefix, last4 } = newApiKey(tools.random)
  const expiry = expiresAt === undefined ? {} : { expiresAt }
  const record = await tools.accounts.createKey({
    id: newId('key', tools),
    userId,
    hash: hashBytes(hash),
    prefix,
    last4,
    name,
    createdAt: tools.epochMs(),
    ...expiry,
  })
  if (!record) return refused('not_found', 'There is no such user.')
  tools.append(tools.make(KeyCreated, { user: userId, key: record.id, name, prefix, actor, ...expiry }))
  return done({ key, record })
}

/** Shorter than the log remembers ids: within it, to ask again is to tell again what may have been lost. */
const REPORT_AGAIN_MS = 25_000
/** An event's id has 64 characters at most; ours of keys have 20. */
const MAX_KEY_ID_CHARS = 56

/**
 * Revokes a key of this user. `changed` is false when it was revoked before; the fact has an id made from the key's, so
 * one that was lost between row and log is told again by asking again, and is never in the log twice.
 */
export async function revoke(
  tools: AccountTools,
  { userId, keyId, actor, reason }: { userId: string; keyId: string; actor: string; reason?: string },
): Promise<Outcome<{ readonly key: AccountKey; readonly changed: boolean }>> {
  const nowMs = tools.epochMs()
  const revoked = await tools.accounts.revokeKey(userId, keyId, nowMs)
  if (!revoked) return NO_KEY
  tools.onKeyRevoked?.(keyId)
  if (revoked.changed || nowMs - (revoked.key.revokedAt ?? 0) < REPORT_AGAIN_MS) {
    const fact = { user: userId, key: keyId, actor, ...(reason === undefined ? {} : { reason }) }
    tools.append(
      tools.make(KeyRevoked, fact, keyId.length <= MAX_KEY_ID_CHARS ? { id: `revoked-${keyId}` } : {}),
    )
  }
  return done(revoked)
}
