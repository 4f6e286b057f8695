import type { KeyAnswer } from '../admission.ts'

export interface KeyCacheLimits {
  readonly maxKnown: number
  readonly maxUnknown: number
  /** After this an accepted key is asked for again, in the background. */
  readonly freshMs: number
  /** How long a key that was not found stays so. */
  readonly unknownMs: number
}

export const KEY_CACHE_LIMITS: KeyCacheLimits = Object.freeze({
  maxKnown: 50_000,
  maxUnknown: 50_000,
  freshMs: 60_000,
  unknownMs: 30_000,
})

interface Known {
  readonly answer: KeyAnswer
  readonly keyId: string | undefined
  readonly userId: string | undefined
  readonly expiresAtMs: number | undefined
  readonly askedAtMs: number
}

/** Answers about keys by their hash, bounded, the oldest out first. Unknown keys have a cache of their own, so that a flood of them cannot push out good ones. */
export class KeyCache {
  readonly #limits: KeyCacheLimits
  readonly #known = new Map<string, Known>()
  readonly #unknown = new Map<string, number>()

  constructor(limits: KeyCacheLimits = KEY_CACHE_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#known.size
  }

  /** @returns the answer, and whether it should be asked for again */
  get(hash: string, epochMs: number): { answer: KeyAnswer; stale: boolean } | undefined {
    const known = this.#known.get(hash)
    if (known) {
      const expired = known.expiresAtMs !== undefined && known.expiresAtMs <= epochMs
      const answer: KeyAnswer = expired ? { kind: 'rejected', reason: 'expired' } : known.answer
      return { answer, stale: epochMs - known.askedAtMs > this.#limits.freshMs }
    }
    const askedAtMs = this.#unknown.get(hash)
    if (askedAtMs === undefined) return undefined
    if (epochMs - askedAtMs <= this.#limits.unknownMs) {
      return { answer: { kind: 'rejected', reason: 'unknown' }, stale: false }
    }
    this.#unknown.delete(hash)
    return undefined
  }

  keep(hash: string, known: Omit<Known, 'askedAtMs'>, epochMs: number): void {
    put(this.#known, hash, { ...known, askedAtMs: epochMs }, this.#limits.maxKnown)
    this.#unknown.delete(hash)
  }

  keepUnknown(hash: string, epochMs: number): void {
    this.#known.delete(hash)
    put(this.#unknown, hash, epochMs, this.#limits.maxUnknown)
  }

  forget(matches: (known: { keyId: string | undefined; userId: string | undefined }) => boolean): void {
    for (const [hash, known] of this.#known) if (matches(known)) this.#known.delete(hash)
  }

  /** A new key may be one that was asked for before it was made. */
  forgetUnknown(): void {
    this.#unknown.clear()
  }

  clear(): void {
    this.#known.clear()
    this.#unknown.clear()
  }
}

function put<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key)
  if (map.size >= limit) map.delete(map.keys().next().value!)
  map.set(key, value)
}
