/** Different values of a window, each with the last event that named it; at most so many as a policy can ask for. */
export const MAX_VALUES = 1_001

interface Seen {
  readonly atMs: number
  readonly sequence: number
}

export class RecentValues {
  /** In the order in which they were last seen. */
  readonly #seen = new Map<string, Seen>()

  add(value: string, atMs: number, sequence: number, windowMs: number): void {
    this.#seen.delete(value)
    this.#seen.set(value, { atMs, sequence })
    this.forgetBefore(atMs - windowMs)
  }

  forgetBefore(oldestMs: number): void {
    for (const [oldest, seen] of this.#seen) {
      if (seen.atMs > oldestMs && this.#seen.size <= MAX_VALUES) break
      this.#seen.delete(oldest)
    }
  }

  get size(): number {
    return this.#seen.size
  }

  /** Sequences of the events that named the values last, in the order of the log. */
  sequences(max: number): number[] {
    return [...this.#seen.values()].slice(-max).map(seen => seen.sequence)
  }

  isIdle(atMs: number, windowMs: number): boolean {
    for (const seen of this.#seen.values()) if (seen.atMs > atMs - windowMs) return false
    return true
  }
}
