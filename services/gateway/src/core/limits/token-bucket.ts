import type { Tier } from '@fluxgate/contracts'

/**
 * A token bucket: `capacity` tokens at the most, `refillRate` tokens a second. The level may fall below zero when a
 * settlement turns out larger than its reservation; the debt is paid back by refill before anything is admitted.
 * Times are monotonic milliseconds.
 */
export class TokenBucket {
  capacity: number
  refillRate: number
  #level: number
  #atMs: number

  constructor(tier: Tier, nowMs: number, level = tier.capacity) {
    this.capacity = tier.capacity
    this.refillRate = tier.refillRate
    this.#level = Math.min(level, tier.capacity)
    this.#atMs = nowMs
  }

  level(nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#level = Math.min(this.capacity, this.#level + ((nowMs - this.#atMs) / 1_000) * this.refillRate)
      this.#atMs = nowMs
    }
    return this.#level
  }

  /** Takes `tokens` if they are there. More than the capacity is asked for as the capacity, so a first call can pass. */
  take(tokens: number, nowMs: number): boolean {
    // A capacity of nothing is a block, not a bucket that is always full.
    if (this.capacity <= 0 || this.level(nowMs) < Math.min(tokens, this.capacity)) return false
    this.#level -= tokens
    return true
  }

  /** Takes (or, negative, gives back) without asking. */
  debit(tokens: number, nowMs: number): void {
    this.#level = Math.min(this.capacity, this.level(nowMs) - tokens)
  }

  /** Milliseconds until {@link take} of as many would pass; Infinity when it never would. */
  waitMs(tokens: number, nowMs: number): number {
    if (this.capacity <= 0) return Number.POSITIVE_INFINITY
    const missing = Math.min(tokens, this.capacity) - this.level(nowMs)
    if (missing <= 0) return 0
    return this.refillRate > 0 ? (missing / this.refillRate) * 1_000 : Number.POSITIVE_INFINITY
  }

  /** Milliseconds until the bucket is full again. */
  fullInMs(nowMs: number): number {
    return this.waitMs(this.capacity, nowMs)
  }

  resize(tier: Tier, nowMs: number): void {
    this.level(nowMs)
    // What was spent stays spent: the level moves with the capacity.
    this.#level += tier.capacity - this.capacity
    this.capacity = tier.capacity
    this.refillRate = tier.refillRate
  }
}
