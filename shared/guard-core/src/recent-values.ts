/** Different values of a window, each with the last event that named it; at most so many as a policy can ask for. */
export const MAX_VALUES = 1_001

interface Seen {
  readonly atMs: number
  readonly place: number
}

export class RecentValues {
  /** In the order in which they were last seen. */
  readonly #seen = new Map<string, Seen>()
  #latestMs = Number.NEGATIVE_INFINITY
  /** False when the last value came too late for the window. */
  #isCounted = true

  add(value: string, atMs: number, place: number, windowMs: number): void {
    const before = this.#seen.get(value)
    this.#isCounted = atMs > this.#latestMs - windowMs
    if (!this.#isCounted || (before && before.atMs > atMs)) return
    if (before) this.#seen.delete(value)
    this.#seen.set(value, { atMs, place })
    if (atMs > this.#latestMs) this.#latestMs = atMs
    // One that came late goes to where its time belongs, so that the oldest is always the first.
    else this.#sort()
    this.forgetBefore(this.#latestMs - windowMs)
  }

  #sort(): void {
    const sorted = [...this.#seen].sort(([, a], [, b]) => a.atMs - b.atMs)
    this.#seen.clear()
    for (const [value, seen] of sorted) this.#seen.set(value, seen)
  }

  forgetBefore(oldestMs: number): void {
    for (const [oldest, seen] of this.#seen) {
      if (seen.atMs > oldestMs && this.#seen.size <= MAX_VALUES) break
      this.#seen.delete(oldest)
    }
  }

  get size(): number {
    return this.#isCounted ? this.#seen.size : 0
  }

  /** Places of the events that named the values last, in the order of the log. */
  places(max: number): number[] {
    return [...this.#seen.values()].slice(-max).map(seen => seen.place)
  }

  isIdle(atMs: number, windowMs: number): boolean {
    for (const seen of this.#seen.values()) if (seen.atMs > atMs - windowMs) return false
    return true
  }
}
