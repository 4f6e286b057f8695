/** Batches are handed on when they hold so many. */
const MAX_BATCH = 1_000

interface Stored {
  readonly storedAtMs: number
}

interface Head<T> {
  readonly source: AsyncGenerator<readonly T[]>
  batch: readonly T[]
  at: number
  done: boolean
}

/**
 * Several streams as one, in the order in which they were stored; what one millisecond holds comes in the order of
 * `sources`. Depends on nothing but the messages: not on how they were batched, nor on how fast they came.
 */
export async function* mergeByTime<T extends Stored>(
  sources: ReadonlyArray<AsyncGenerator<readonly T[]>>,
): AsyncGenerator<T[]> {
  const heads: Head<T>[] = sources.map(source => ({ source, batch: [], at: 0, done: false }))
  let merged: T[] = []
  try {
    for (;;) {
      for (const head of heads) {
        while (!head.done && head.at >= head.batch.length) {
          if (merged.length > 0) {
            yield merged
            merged = []
          }
          const next = await head.source.next()
          head.at = 0
          if (next.done) head.done = true
          else head.batch = next.value
        }
      }
      const first = earliest(heads)
      if (!first) return
      const next = earliest(heads, first)
      const untilMs = next ? next.batch[next.at]!.storedAtMs : Number.POSITIVE_INFINITY
      // The earliest goes on for as long as it stays so: most messages are taken without a look at the other streams.
      const mayEqual = next !== undefined && heads.indexOf(first) < heads.indexOf(next)
      do {
        merged.push(first.batch[first.at++]!)
      } while (
        first.at < first.batch.length &&
        isBefore(first.batch[first.at]!.storedAtMs, untilMs, mayEqual)
      )
      if (merged.length >= MAX_BATCH) {
        yield merged
        merged = []
      }
    }
  } finally {
    await Promise.all(sources.map(source => source.return(undefined)))
  }
}

function isBefore(timeMs: number, untilMs: number, mayEqual: boolean): boolean {
  return timeMs < untilMs || (mayEqual && timeMs === untilMs)
}

/** Of those of one time the one that comes first in the list. */
function earliest<T extends Stored>(heads: readonly Head<T>[], other?: Head<T>): Head<T> | undefined {
  let first: Head<T> | undefined
  for (const head of heads) {
    if (head.done || head === other) continue
    if (!first || head.batch[head.at]!.storedAtMs < first.batch[first.at]!.storedAtMs) first = head
  }
  return first
}
