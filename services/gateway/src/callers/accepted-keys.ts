/**
 * Coalesces `auth.key_accepted`: the first use of a key from an address is told at once, later ones at most once per
 * `everyMs` with the count since. Bounded: beyond `maxPairs` the oldest pair is forgotten and would be told again.
 */
export class AcceptedKeys {
  readonly #everyMs: number
  readonly #maxPairs: number
  readonly #pairs = new Map<string, { reportedAtMs: number; count: number }>()

  constructor(everyMs: number, maxPairs = 100_000) {
    this.#everyMs = everyMs
    this.#maxPairs = maxPairs
  }

  /** @returns the count to tell now, or 0 */
  use(identity: string, address: string, nowMs: number): number {
    const pair = `${identity} ${address}`
    const known = this.#pairs.get(pair)
    if (!known) {
      if (this.#pairs.size >= this.#maxPairs) this.#pairs.delete(this.#pairs.keys().next().value!)
      this.#pairs.set(pair, { reportedAtMs: nowMs, count: 0 })
      return 1
    }
    known.count++
    if (nowMs - known.reportedAtMs < this.#everyMs) return 0
    const { count } = known
    known.count = 0
    known.reportedAtMs = nowMs
    return count
  }

  /** What has been used and not told yet, for a node that stops. */
  *rest(): Generator<[identity: string, address: string, count: number]> {
    for (const [pair, { count }] of this.#pairs) {
      const space = pair.indexOf(' ')
      if (count > 0) yield [pair.slice(0, space), pair.slice(space + 1), count]
    }
  }
}
