export interface CacheLimits {
  readonly cacheEntries: number
  readonly cacheBytes: number
}

export interface CachedEntry {
  /** Forgotten from then on. */
  readonly keepUntilMs: number
  /** What it holds in memory, roughly. */
  readonly byteCount: number
}

/** Values by key, bounded in number and in bytes; the least recently used goes first. Time is passed in. */
export class BoundedCache<Value extends CachedEntry> {
  readonly #limits: CacheLimits
  /** A Map keeps the order of insertion, and each use inserts anew. */
  readonly #values = new Map<string, Value>()
  #bytes = 0

  constructor(limits: CacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#values.size
  }

  get bytes(): number {
    return this.#bytes
  }

  find(key: string, nowMs: number): Value | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    if (nowMs >= value.keepUntilMs) {
      this.delete(key)
      return undefined
    }
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  put(key: string, value: Value): void {
    this.delete(key)
    this.#values.set(key, value)
    this.#bytes += value.byteCount
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#limits.cacheEntries && this.#bytes <= this.#limits.cacheBytes) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const value = this.#values.get(key)
    if (value === undefined) return
    this.#values.delete(key)
    this.#bytes -= value.byteCount
  }
}
