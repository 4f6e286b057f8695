import type { DataOf, TierName, UserRegistered } from '@fluxgate/contracts'
import type { KeyAnswer } from '../http/index.ts'
import type { KeyHash } from './api-key.ts'

/** What must be known of a key to judge a call that bears it. */
export interface KeyRecord {
  readonly keyId: string
  readonly user: string
  readonly tier: TierName
  readonly role: DataOf<typeof UserRegistered>['role']
  /** Epoch milliseconds. */
  readonly expiresAtMs: number | undefined
  readonly revoked: boolean
  /** Whether its user is. */
  readonly disabled: boolean
  /** The answer when nothing speaks against it: made once, so that the hot path makes nothing. */
  readonly accepted: KeyAnswer
}

/** `unknown`: there is no such key. `unavailable`: nobody can tell just now, which is no reason to call a key wrong. */
export type KeyFinding = KeyRecord | 'unknown' | 'unavailable'

/** Keys by their hash, for the hot path. */
export interface KeyDirectory {
  /** At once, and without allocation, for a key that is remembered; a promise where Postgres has to be asked. */
  lookup(hash: KeyHash): KeyFinding | Promise<KeyFinding>
  /** Forgets a key: its next use is asked of Postgres, even if an answer is on its way. */
  evictKey(keyId: string): void
  evictUser(user: string): void
  /**
   * Something may have been missed: every key is asked for again at its next use. Kept as what to fall back on while
   * Postgres is away too, so that the loss of one connection does not become the loss of both.
   */
  recheckAll(): void
}
