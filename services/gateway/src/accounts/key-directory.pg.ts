import { identityText } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { type Database, findKeyByHash, type KeyIdentity, touchKeys } from '@fluxgate/read-model'
import type { KeyAnswer } from '../http/index.ts'
import { hashBytes } from './api-key.ts'
import { CachedKeys, type CachedKeysLimits } from './cached-keys.timer.ts'
import type { KeyDirectory, KeyRecord } from './key-directory.ts'
import { keyGate } from './key-gate.ts'
import { LastUses } from './last-uses.pg.ts'
import { watchRevocations } from './revocations.nats.ts'

export interface OpenKeyDirectory extends Omit<KeyDirectory, 'lookup'>, AsyncDisposable {
  /** What a gateway answers to a key's text: at once for a key that is remembered, else a promise. */
  lookup(key: string): KeyAnswer | Promise<KeyAnswer>
  readonly cached: number
  readonly lookups: number
  /** Lookups that memory could not answer. */
  readonly questions: number
  /** True when Postgres did not answer the last question. */
  readonly isAway: boolean
}

/** Keys from Postgres, remembered, corrected by the log as it is written; their last uses on the way back. */
export function openKeyDirectory(
  link: NatsLink,
  db: Database,
  epochMs: () => number,
  log: { warn(fields: object, message: string): void },
  limits: Partial<CachedKeysLimits> = {},
): OpenKeyDirectory {
  const keys = new CachedKeys(
    async hash => {
      const found = await findKeyByHash(db, hashBytes(hash))
      return found && recordOf(found)
    },
    () => performance.now(),
    error => log.warn({ err: error }, 'keys cannot be looked up; those that are remembered keep working'),
    limits,
  )
  const revocations = watchRevocations(link, keys)
  const lastUses = new LastUses(batch => touchKeys(db, batch), epochMs, log)
  return {
    lookup: keyGate(keys, keyId => lastUses.note(keyId), epochMs),
    evictKey: keyId => keys.evictKey(keyId),
    evictUser: user => keys.evictUser(user),
    recheckAll: () => keys.recheckAll(),
    get cached() {
      return keys.size
    },
    get lookups() {
      return keys.lookups
    },
    get questions() {
      return keys.questions
    },
    get isAway() {
      return keys.isAway
    },
    async [Symbol.asyncDispose]() {
      revocations[Symbol.dispose]()
      await lastUses[Symbol.asyncDispose]()
    },
  }
}

function recordOf(found: KeyIdentity): KeyRecord {
  const { keyId, userId: user, tier, role } = found
  const identity = Object.freeze({ user, key: keyId })
  const caller = Object.freeze({ identity, identityText: identityText(identity), tier })
  return Object.freeze({
    keyId,
    user,
    tier,
    role,
    expiresAtMs: found.expiresAt ?? undefined,
    revoked: found.revokedAt !== null,
    disabled: found.disabledAt !== null,
    accepted: Object.freeze({ kind: 'accepted', caller }),
  })
}
