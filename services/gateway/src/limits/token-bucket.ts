import { maxDebt } from '@fluxgate/contracts'

/** Tokens, and tokens a second. */
export interface BucketSize {
  readonly capacity: number
  readonly refillRate: number
}

/**
 * A token bucket: `capacity` tokens at the most, `refillRate` tokens a second. The level may fall below zero when a
 * settlement turns out larger than its reservation; the debt, {@link maxDebt} at the most, is paid back by refill before
 * anything is admitted.
 * Times are monotonic milliseconds.
 */
export class TokenBucket {
  capacity: number
  refillRate: number
  #floor: number
  #level: number
  #atMs: number

  constructor(size: BucketSize, nowMs: number, level = size.capacity) {
    this.capacity = size.capacity
    this.refillRate = size.refillRate
    this.#floor = 0 - maxDebt(size)
    this.#level = Math.min(level, size.capacity)
    this.#atMs = nowMs
  }

  level(nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#level = Math.min(this.capacity, this.#level + ((nowMs - this.#atMs) / 1_000) * this.refillRate)
      this.#atMs = nowMs
    }
    return this.#level
  }

  /** True when `tokens` may be taken. More than the capacity is asked for as the capacity, so a first call can pass. */
  has(tokens: number, nowMs: number): boolean {
    // A capacity of nothing is a block, not a bucket that is always full.
    return this.capacity > 0 && this.level(nowMs) >= Math.min(tokens, this.capacity)
  }

  /** Tokens that a full bucket would have more. */
  missing(nowMs: number): number {
    return this.capacity - this.level(nowMs)
  }

  /** Takes (or, negative, gives back) without asking, down to the largest debt. */
  debit(tokens: number, nowMs: number): void {
    this.#level = Math.max(this.#floor, Math.min(this.capacity, this.level(nowMs) - tokens))
  }

  /** The most that can be missing. */
  get maxMissing(): number {
    return this.capacity - this.#floor
  }

  /** Milliseconds until {@link has} as many; Infinity when it never will. */
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

  /** What was spent stays spent, so the level moves with the capacity; but no debt comes of a smaller bucket. */
  resize(size: BucketSize, nowMs: number): void {
    const level = this.level(nowMs)
    const moved = level + size.capacity - this.capacity
    this.#floor = 0 - maxDebt(size)
    this.#level = Math.min(size.capacity, Math.max(moved, Math.min(level, 0), this.#floor))
    this.capacity = size.capacity
    this.refillRate = size.refillRate
  }
}
