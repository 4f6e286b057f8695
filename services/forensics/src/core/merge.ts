import type { StoredFact } from './log-reader.ts'

/** Several streams as one, in the order in which they were stored; each is read only as far as it is needed. */
export async function* mergeByTime(
  sources: ReadonlyArray<AsyncGenerator<StoredFact>>,
): AsyncGenerator<StoredFact> {
  try {
    const heads = await Promise.all(sources.map(source => source.next()))
    for (;;) {
      let first = -1
      for (const [index, { done, value }] of heads.entries()) {
        if (done) continue
        const best = heads[first]
        if (!best || best.done || value.storedAtMs < best.value.storedAtMs) first = index
      }
      const head = heads[first]
      if (!head || head.done) return
      yield head.value
      heads[first] = await sources[first]!.next()
    }
  } finally {
    await Promise.all(sources.map(source => source.return(undefined)))
  }
}
