import type { RetryPolicy } from './routing-policy.ts'

/** Retries that a quiet node may do at once, and calls' worth of saved-up ratio. */
const FLOOR = 10
const MAX_SAVED = 100

/**
 * Keeps retries from making an outage worse: each call pays in `budgetRatio` of a retry, each retry takes one out.
 * Besides, `budgetPerSecond` comes in with time, up to a few, for nodes with little to do.
 */
export class RetryBudget {
  readonly #policy: Pick<RetryPolicy, 'budgetRatio' | 'budgetPerSecond'>
  #saved = 0
  #floor = FLOOR
  #atMs: number

  constructor(policy: Pick<RetryPolicy, 'budgetRatio' | 'budgetPerSecond'>, nowMs: number) {
    this.#policy = policy
    this.#atMs = nowMs
  }

  called(): void {
    this.#saved = Math.min(MAX_SAVED, this.#saved + this.#policy.budgetRatio)
  }

  /** Takes one retry, if there is one. */
  take(nowMs: number): boolean {
    if (this.#saved >= 1) {
      this.#saved--
      return true
    }
    const sinceMs = Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    this.#floor = Math.min(FLOOR, this.#floor + (sinceMs / 1_000) * this.#policy.budgetPerSecond)
    if (this.#floor < 1) return false
    this.#floor--
    return true
  }
}
