import type { StreamName } from '@fluxgate/contracts'
import { sourcesOf } from './event-filter.ts'
import type { LogReader, StoredFact } from './log-reader.ts'
import { isLastOfItsStream, isWhole, requestOf } from './trace.ts'

/** Clocks of nodes and server differ by less than this, as a rule; an event is never stored much before its time. */
const SLACK_MS = 5_000

/** The event of that id, wherever it is; all streams are read beside each other from `fromMs` on. */
export async function findEvent(
  log: LogReader,
  streams: readonly StreamName[],
  id: string,
  fromMs: number | undefined,
  signal: AbortSignal,
): Promise<StoredFact | undefined> {
  let found: StoredFact | undefined
  await scan(log, streams, fromMs, signal, fact => {
    if (fact.event.id === id) found = fact
    return found ? 'enough' : 'more'
  })
  return found
}

/** Every event of one request, in no order. */
export async function findRequest(
  log: LogReader,
  request: string,
  fromMs: number | undefined,
  signal: AbortSignal,
): Promise<StoredFact[]> {
  const facts: StoredFact[] = []
  await scan(log, ['auth', 'requests', 'tokens'], fromMs, signal, fact => {
    if (requestOf(fact.event) !== request) return 'more'
    facts.push(fact)
    if (isWhole(facts)) return 'enough'
    return isLastOfItsStream(fact) ? 'enough of this stream' : 'more'
  })
  return facts
}

type Verdict = 'more' | 'enough of this stream' | 'enough'

async function scan(
  log: LogReader,
  streams: readonly StreamName[],
  fromMs: number | undefined,
  signal: AbortSignal,
  judge: (fact: StoredFact) => Verdict,
): Promise<void> {
  const enough = new AbortController()
  const until = AbortSignal.any([signal, enough.signal])
  const from = fromMs === undefined ? undefined : fromMs - SLACK_MS
  await Promise.all(
    sourcesOf({ streams }).map(async source => {
      for await (const fact of log.history(source, from, until)) {
        const verdict = judge(fact)
        if (verdict === 'enough') enough.abort()
        if (verdict !== 'more' || until.aborted) return
      }
    }),
  )
}
