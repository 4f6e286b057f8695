/**
 * A settlement that a node could not know to be stored may stand in the log twice. Two of one request that lie no
 * further apart than this many messages count once: more than the log takes while a node waits to send again.
 */
export const SEEN_WINDOW = 10_000
/** A message holds up to 512 settlements: no more requests than this are remembered. */
export const MAX_SEEN = 100_000

/** Requests by the sequence of their settlement, over the last {@link SEEN_WINDOW} messages of the log. */
export class SeenRequests {
  readonly #sequences = new Map<string, number>()

  get size(): number {
    return this.#sequences.size
  }

  /** @returns true when another message has settled the request already */
  isRepeated(request: string, sequence: number): boolean {
    const before = this.#sequences.get(request)
    if (before !== undefined) return before !== sequence
    this.#sequences.set(request, sequence)
    for (const [old, at] of this.#sequences) {
      if (at >= sequence - SEEN_WINDOW && this.#sequences.size <= MAX_SEEN) break
      this.#sequences.delete(old)
    }
    return false
  }

  /** Sequences begin at 1 again: what was settled in the log of before is repeated over the first messages of this one. */
  beginAnew(): void {
    for (const request of this.#sequences.keys()) this.#sequences.set(request, 0)
  }
}

/**
 * One reading of the log, in order, which fills the ledgers that are its own. A ledger that is new reads the past by a
 * reading of its own, so that the others do not fall behind meanwhile.
 */
export interface Reading {
  readonly seen: SeenRequests
}

export function newReading(): Reading {
  return { seen: new SeenRequests() }
}
