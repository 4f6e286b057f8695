import type { KeyHash } from './api-key.ts'
import { KeyCache, type KeyCacheLimits, type KnownKey } from './key-cache.ts'
import type { KeyDirectory, KeyFinding, KeyRecord } from './key-directory.ts'

export interface CachedKeysLimits extends KeyCacheLimits {
  /** From this age on a key in use is checked again in the background. */
  readonly refreshMs: number
  /** Beyond this age a check is waited for: the bound on how long a lost `key_revoked` can matter. */
  readonly maxAgeMs: number
  /** How old a check may be while Postgres is away. */
  readonly maxStaleMs: number
  /** A question without an answer for this long means that Postgres is away. */
  readonly askTimeoutMs: number
  /** While Postgres is away it is asked once in this time. */
  readonly probeMs: number
  /** Questions under way at once. */
  readonly maxAsking: number
}

export const DEFAULT_CACHED_KEYS_LIMITS: CachedKeysLimits = Object.freeze({
  maxKnown: 50_000,
  maxUnknown: 50_000,
  unknownMs: 30_000,
  refreshMs: 30_000,
  maxAgeMs: 60_000,
  maxStaleMs: 3_600_000,
  askTimeoutMs: 2_000,
  probeMs: 1_000,
  maxAsking: 1_000,
})

/** An answer is asked for again when something was evicted meanwhile; beyond this it is given, and not remembered. */
const MAX_ASKED_AGAIN = 3

/**
 * Keys as Postgres has them, remembered. A key that is remembered costs no question; one question serves all who wait
 * for the same key; a key that is evicted while it is asked for is asked for again, since what was read may be older
 * than the reason of the eviction. While Postgres is away known keys keep working and unknown ones are `unavailable`.
 */
export class CachedKeys implements KeyDirectory {
  readonly #find: (hash: KeyHash) => Promise<KeyRecord | undefined>
  readonly #nowMs: () => number
  readonly #limits: CachedKeysLimits
  readonly #cache: KeyCache
  readonly #asking = new Map<KeyHash, Promise<KeyFinding>>()
  readonly #onOutage: (error: unknown) => void
  /** What was checked before is not trusted without another check. */
  #trustedFromMs = Number.NEGATIVE_INFINITY
  #evictions = 0
  lookups = 0
  /** Questions asked of Postgres; the other lookups were answered from memory. */
  questions = 0
  /** While Postgres is away: when it is to be asked next. */
  #probeAtMs: number | undefined

  /** @param nowMs monotonic milliseconds */
  constructor(
    find: (hash: KeyHash) => Promise<KeyRecord | undefined>,
    nowMs: () => number,
    onOutage: (error: unknown) => void,
    limits: Partial<CachedKeysLimits> = {},
  ) {
    this.#find = find
    this.#nowMs = nowMs
    this.#onOutage = onOutage
    this.#limits = { ...DEFAULT_CACHED_KEYS_LIMITS, ...limits }
    this.#cache = new KeyCache(this.#limits)
  }

  get size(): number {
    return this.#cache.size
  }

  get isAway(): boolean {
    return this.#probeAtMs !== undefined
  }

  lookup(hash: KeyHash): KeyFinding | Promise<KeyFinding> {
    const nowMs = this.#nowMs()
    this.lookups++
    const known = this.#cache.get(hash)
    if (known) {
      const ageMs = nowMs - known.checkedAtMs
      const isTrusted = ageMs < this.#limits.maxAgeMs && known.checkedAtMs >= this.#trustedFromMs
      if (isTrusted && ageMs < this.#limits.refreshMs) return known.record
      const asked = this.#asking.get(hash) ?? (this.#mayAsk(nowMs) ? this.#ask(hash) : undefined)
      // While Postgres is away nobody who has an old answer waits to hear that it still is.
      if (isTrusted || !asked || this.isAway) return this.#fallback(known, nowMs)
      return asked
    }
    if (this.#cache.isUnknown(hash, nowMs)) return 'unknown'
    return this.#asking.get(hash) ?? (this.#mayAsk(nowMs) ? this.#ask(hash) : 'unavailable')
  }

  evictKey(keyId: string): void {
    this.#evictions++
    this.#cache.forgetKey(keyId)
  }

  evictUser(user: string): void {
    this.#evictions++
    this.#cache.forgetUser(user)
  }

  recheckAll(): void {
    this.#evictions++
    this.#trustedFromMs = this.#nowMs()
  }

  #mayAsk(nowMs: number): boolean {
    if (this.#asking.size >= this.#limits.maxAsking) return false
    if (this.#probeAtMs === undefined) return true
    if (nowMs < this.#probeAtMs) return false
    this.#probeAtMs = nowMs + this.#limits.probeMs
    return true
  }

  #ask(hash: KeyHash): Promise<KeyFinding> {
    this.questions++
    const asked = this.#askUntilCurrent(hash).finally(() => this.#asking.delete(hash))
    this.#asking.set(hash, asked)
    return asked
  }

  async #askUntilCurrent(hash: KeyHash): Promise<KeyFinding> {
    try {
      for (let times = 1; ; times++) {
        const evictions = this.#evictions
        const askedAtMs = this.#nowMs()
        const record = await inTime(this.#find(hash), this.#limits.askTimeoutMs)
        this.#probeAtMs = undefined
        const isCurrent = evictions === this.#evictions
        if (isCurrent && record) this.#cache.keep(hash, record, askedAtMs)
        else if (isCurrent) this.#cache.cacheUnknown(hash, askedAtMs)
        if (isCurrent || times === MAX_ASKED_AGAIN) return record ?? 'unknown'
      }
    } catch (error) {
      if (this.#probeAtMs === undefined) this.#onOutage(error)
      const nowMs = this.#nowMs()
      this.#probeAtMs = nowMs + this.#limits.probeMs
      return this.#fallback(this.#cache.get(hash), nowMs)
    }
  }

  #fallback(known: KnownKey | undefined, nowMs: number): KeyFinding {
    return known && nowMs - known.checkedAtMs < this.#limits.maxStaleMs ? known.record : 'unavailable'
  }
}

async function inTime<T>(answer: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
