/** Batches are handed on when they hold so many. */
const MAX_BATCH = 1_000

interface Stored {
  readonly storedAtMs: number
}

/**
 * Several streams as one, in the order in which they were stored; what one millisecond holds comes in the order of
 * `sources`. Depends on nothing but the messages: not on how they were batched, nor on how fast they came.
 */
export async function* mergeByTime<T extends Stored>(
  sources: ReadonlyArray<AsyncGenerator<readonly T[]>>,
): AsyncGenerator<T[]> {
  const heads = sources.map(source => ({ source, batch: [] as readonly T[], at: 0, done: false }))
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
      let first: (typeof heads)[number] | undefined
      for (const head of heads) {
        if (head.done) continue
        if (!first || head.batch[head.at]!.storedAtMs < first.batch[first.at]!.storedAtMs) first = head
      }
      if (!first) return
      merged.push(first.batch[first.at++]!)
      if (merged.length >= MAX_BATCH) {
        yield merged
        merged = []
      }
    }
  } finally {
    await Promise.all(sources.map(source => source.return(undefined)))
  }
}
