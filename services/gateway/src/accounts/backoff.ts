export interface BackoffLimits {
  /** Failures that cost nothing; each one after them doubles the wait. */
  readonly freeFailures: number
  readonly baseMs: number
  readonly maxMs: number
  /** Without a failure for this long all is forgotten; longer than `maxMs`. */
  readonly forgetMs: number
  /** Beyond it those whose last failure is the oldest are forgotten. */
  readonly maxEntries: number
}

interface Entry {
  failures: number
  atMs: number
  /** Whether somebody was told to wait since the last failure. */
  reported: boolean
}

/** Exponential back-off by key. Tries during the wait are not counted: a stranger cannot prolong it. */
export class Backoff {
  readonly #limits: BackoffLimits
  readonly #entries = new Map<string, Entry>()

  constructor(limits: BackoffLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  /** Milliseconds until a next try is let through; 0 is now. */
  waitMs(key: string, nowMs: number): number {
    const entry = this.#live(key, nowMs)
    if (!entry) return 0
    const { freeFailures, baseMs, maxMs } = this.#limits
    const beyond = entry.failures - freeFailures
    if (beyond <= 0) return 0
    return Math.max(0, entry.atMs + Math.min(maxMs, baseMs * 2 ** (beyond - 1)) - nowMs)
  }

  fail(key: string, nowMs: number): void {
    const failures = (this.#live(key, nowMs)?.failures ?? 0) + 1
    // The order of the map is the order of the last failures.
    this.#entries.delete(key)
    if (this.#entries.size >= this.#limits.maxEntries) {
      this.#entries.delete(this.#entries.keys().next().value!)
    }
    this.#entries.set(key, { failures, atMs: nowMs, reported: false })
  }

  /** Takes one failure back: it turned out not to be one. */
  undo(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    if (entry.failures <= 1) this.#entries.delete(key)
    else entry.failures--
  }

  /** @returns whether there was anything to forgive */
  forgive(key: string): boolean {
    return this.#entries.delete(key)
  }

  has(key: string, nowMs: number): boolean {
    return this.#live(key, nowMs) !== undefined
  }

  /** True once in each wait: for telling the log that somebody waits without letting him write it full. */
  reportOnce(key: string): boolean {
    const entry = this.#entries.get(key)
    if (!entry || entry.reported) return false
    entry.reported = true
    return true
  }

  #live(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry && nowMs - entry.atMs >= this.#limits.forgetMs) {
      this.#entries.delete(key)
      return undefined
    }
    return entry
  }
}
