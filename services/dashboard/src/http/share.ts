export interface Sharing {
  readonly ageMs: number
  readonly nowMs: () => number
  /** When it says something else than it did, answers made before are out of date. */
  readonly version: () => number
}

/**
 * One answer for all who ask at about the same time: a second caller gets the answer that is being made, or one that
 * was asked for less than `ageMs` ago and before any change. A failed one is not kept.
 */
export function shareFor<T>({ ageMs, nowMs, version }: Sharing, make: () => Promise<T>): () => Promise<T> {
  let cached: { askedAtMs: number; version: number; answer: Promise<T> } | undefined
  return () => {
    if (cached && cached.version === version() && nowMs() - cached.askedAtMs < ageMs) return cached.answer
    const mine = { askedAtMs: nowMs(), version: version(), answer: make() }
    cached = mine
    mine.answer.catch(() => {
      if (cached === mine) cached = undefined
    })
    return mine.answer
  }
}
