import { callerFilter, type Identity, type LogPosition, placeOf, type StoredEvent } from '@fluxgate/contracts'
import { messageOf, type NatsLink } from '@fluxgate/nats'
import { ALL_STREAMS, requestOf, type Source, type Unreadable } from '../core/log-source.ts'
import { isLastOfItsStream, isWhole } from '../core/trace.ts'
import { LogUnreadable, readEvents } from './read.ts'

/** Clocks of nodes and server differ by less than this, as a rule; an event is never stored much before its time. */
const SLACK_MS = 5_000

export interface Found<T> {
  readonly items: T[]
  /** Events looked at. */
  readonly scanned: number
  /** The limit was reached before all was found that may be there. */
  readonly cut: boolean
}

export interface RequestSearch {
  readonly request: string
  /** Narrows the search to the subjects of one identity. */
  readonly identity?: Identity | undefined
  /** Where to begin, epoch milliseconds; absent: at the beginning of the log. */
  readonly fromMs?: number | undefined
  /** Events looked at in each stream, at the most. */
  readonly maxScanned?: number
}

/** Every event of one request, in no order; the streams are read beside each other, until it is whole. */
export async function findRequest(
  link: NatsLink,
  { request, identity, fromMs, maxScanned = Number.POSITIVE_INFINITY }: RequestSearch,
  signal?: AbortSignal,
): Promise<Found<StoredEvent>> {
  const sources = (['auth', 'requests', 'tokens'] as const).map(stream => ({
    stream,
    ...(identity && { subject: callerFilter(stream, identity) }),
  }))
  const entries: StoredEvent[] = []
  const counts = await scan(link, sources, fromMs, signal, {
    maxScanned,
    judge(entry) {
      if (requestOf(entry.event) !== request) return 'more'
      entries.push(entry)
      if (isWhole(entries)) return 'enough'
      return isLastOfItsStream(entry) ? 'enough of this stream' : 'more'
    },
  })
  return { items: entries, scanned: counts.scanned, cut: counts.cut && !isWhole(entries) }
}

/** The event of that id, wherever it is. */
export async function findEvent(
  link: NatsLink,
  id: string,
  fromMs: number | undefined,
  signal?: AbortSignal,
): Promise<StoredEvent | undefined> {
  let found: StoredEvent | undefined
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  await scan(link, sources, fromMs, signal, {
    maxScanned: Number.POSITIVE_INFINITY,
    judge(entry) {
      if (entry.event.id === id) found = entry
      return found ? 'enough' : 'more'
    },
  })
  return found
}

/** What stands at a position; undefined when nothing does (any more). @throws LogUnreadable */
export async function eventAt(
  link: NatsLink,
  position: LogPosition,
): Promise<StoredEvent | Unreadable | undefined> {
  try {
    const found = await messageOf(link, position)
    if (!found) return undefined
    const { storedAtMs, subject, parsed } = found
    const place = placeOf(found)
    return parsed.ok
      ? { ...place, storedAtMs, subject, event: parsed.value }
      : { ...place, storedAtMs, subject, reason: parsed.reason }
  } catch (cause) {
    throw new LogUnreadable(position.stream, cause)
  }
}

type Verdict = 'more' | 'enough of this stream' | 'enough'

async function scan(
  link: NatsLink,
  sources: readonly Source[],
  fromMs: number | undefined,
  signal: AbortSignal | undefined,
  look: { maxScanned: number; judge(entry: StoredEvent): Verdict },
): Promise<{ scanned: number; cut: boolean }> {
  const enough = new AbortController()
  const until = signal ? AbortSignal.any([signal, enough.signal]) : enough.signal
  const range = { fromMs: fromMs === undefined ? undefined : fromMs - SLACK_MS }
  let scanned = 0
  let cut = false
  const scanOne = async (source: Source) => {
    let here = 0
    for await (const entries of readEvents(link, [source], range, { signal: until })) {
      for (const entry of entries) {
        scanned++
        const verdict = look.judge(entry)
        if (verdict === 'enough') enough.abort()
        if (verdict !== 'more' || until.aborted) return
        if (++here >= look.maxScanned) {
          cut = true
          return
        }
      }
    }
  }
  await Promise.all(sources.map(scanOne))
  return { scanned, cut }
}
