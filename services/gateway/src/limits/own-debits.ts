/**
 * What this node itself took from one bucket, net of what it gave back: the sum since its present busy time began, and
 * how much of it the refill has not paid back yet. Others who missed messages learn from the two what they missed.
 */
export class OwnDebits {
  total = 0
  /** Not told to the other nodes yet. */
  unreported = 0
  #owed = 0
  #atMs = 0

  /** @param maxOwed what the bucket can miss at the most: beyond it nothing has to be paid back */
  add(amount: number, refillRate: number, maxOwed: number, nowMs: number): void {
    this.#owed = Math.min(maxOwed, Math.max(0, this.owed(refillRate, nowMs) + amount))
    this.total += amount
    this.unreported += amount
  }

  /** As a bucket would miss it that nobody else takes from. */
  owed(refillRate: number, nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#owed = Math.max(0, this.#owed - ((nowMs - this.#atMs) / 1_000) * refillRate)
      this.#atMs = nowMs
    }
    return this.#owed
  }
}
