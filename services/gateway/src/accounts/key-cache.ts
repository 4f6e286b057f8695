import type { KeyHash } from './api-key.ts'
import type { KeyRecord } from './key-directory.ts'

export interface KeyCacheLimits {
  readonly maxKnown: number
  readonly maxUnknown: number
  /** How long a key that was not found stays so. */
  readonly unknownMs: number
}

/** Times are monotonic milliseconds. */
export interface KnownKey {
  readonly record: KeyRecord
  readonly checkedAtMs: number
}

/**
 * What is remembered of keys, by their hash. Bounded; those whose check is the longest ago go first, and since keys in
 * use are checked again and again these are the idle ones. Unknown keys have a memory of their own, so that a flood of
 * them cannot push out good ones.
 */
export class KeyCache {
  readonly #limits: KeyCacheLimits
  readonly #known = new Map<KeyHash, KnownKey>()
  readonly #hashOfKey = new Map<string, KeyHash>()
  readonly #keysOfUser = new Map<string, Set<string>>()
  readonly #unknown = new Map<KeyHash, number>()

  constructor(limits: KeyCacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#known.size
  }

  get unknownSize(): number {
    return this.#unknown.size
  }

  get(hash: KeyHash): KnownKey | undefined {
    return this.#known.get(hash)
  }

  isUnknown(hash: KeyHash, nowMs: number): boolean {
    const checkedAtMs = this.#unknown.get(hash)
    if (checkedAtMs === undefined) return false
    if (nowMs - checkedAtMs < this.#limits.unknownMs) return true
    this.#unknown.delete(hash)
    return false
  }

  keep(hash: KeyHash, record: KeyRecord, nowMs: number): void {
    this.#unknown.delete(hash)
    // Taken out and put in again: the order of the map is the order of the checks.
    this.#forget(hash)
    if (this.#known.size >= this.#limits.maxKnown) this.#forget(this.#known.keys().next().value!)
    this.#known.set(hash, { record, checkedAtMs: nowMs })
    this.#hashOfKey.set(record.keyId, hash)
    const keys = this.#keysOfUser.get(record.user)
    if (keys) keys.add(record.keyId)
    else this.#keysOfUser.set(record.user, new Set([record.keyId]))
  }

  cacheUnknown(hash: KeyHash, nowMs: number): void {
    this.#forget(hash)
    this.#unknown.delete(hash)
    if (this.#unknown.size >= this.#limits.maxUnknown)
      this.#unknown.delete(this.#unknown.keys().next().value!)
    this.#unknown.set(hash, nowMs)
  }

  forgetKey(keyId: string): void {
    const hash = this.#hashOfKey.get(keyId)
    if (hash !== undefined) this.#forget(hash)
  }

  forgetUser(user: string): void {
    for (const keyId of this.#keysOfUser.get(user) ?? []) this.forgetKey(keyId)
  }

  #forget(hash: KeyHash): void {
    const known = this.#known.get(hash)
    if (!known) return
    const { keyId, user } = known.record
    this.#known.delete(hash)
    this.#hashOfKey.delete(keyId)
    const keys = this.#keysOfUser.get(user)
    if (keys?.delete(keyId) && keys.size === 0) this.#keysOfUser.delete(user)
  }
}
