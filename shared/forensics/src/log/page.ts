import { setImmediate as turn } from 'node:timers/promises'
import { STREAMS, type StoredEvent } from '@fluxgate/contracts'
import { type NatsLink, replayStored, type StoredMessage } from '@fluxgate/nats'
import { type EventFilter, matches, sourcesOf } from '../core/event-filter.ts'
import type { Range, Source, Unreadable } from '../core/log-source.ts'
import { mergeByTime } from '../core/merge.ts'
import { CLOCK_STEP_MS, factOf, LogUnreadable, MAX_TURN_MS } from './read.ts'

export interface EventQuery {
  readonly filter: EventFilter
  readonly range: Range
  /** Backwards from the end of the range, or forwards from its beginning. */
  readonly order: 'newest' | 'oldest'
  /** JetStream stream → the last position that the page before looked at; absent: its first page. */
  readonly after: ReadonlyMap<string, number>
  /** Events in the page, and events looked at for it; the message that reaches a limit is in the page with all its events. */
  readonly limit: number
  readonly maxScanned: number
  /** A page ends after so long with what it has. */
  readonly maxMs: number
}

export interface EventPage {
  /** In the order that was asked for. */
  readonly items: ReadonlyArray<StoredEvent | Unreadable>
  /** What the next page begins after; undefined when this one was the last. */
  readonly next: ReadonlyMap<string, number> | undefined
  readonly scanned: number
  /** When the last event that was looked at was stored; null when none was. */
  readonly reachedMs: number | null
}

/** Fetched at first from each stream when reading backwards, and at the most. */
const FIRST_SPAN = 512
const MAX_SPAN = 65_536
const SPAN_GROWS = 4
/** Messages of a stream fetched ahead: a page is short. */
const MAX_AHEAD = 2_000

interface Part {
  readonly source: Source
  readonly range: Range
  readonly after: number | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * One page of the log, of several streams as one by the time at which they were stored. What cannot be read is in it,
 * unless a text is looked for. @throws LogUnreadable
 */
export async function eventPage(link: NatsLink, query: EventQuery, signal?: AbortSignal): Promise<EventPage> {
  const { filter, range, order, limit, maxScanned, maxMs } = query
  const next = new Map(query.after)
  const parts = partsOf(query, signal).map(part =>
    order === 'oldest' ? forwards(link, part) : backwards(link, part),
  )
  const items: Array<StoredEvent | Unreadable> = []
  const beganMs = performance.now()
  let turnBeganMs = beganMs
  let scanned = 0
  let reachedMs: number | null = null
  let last: StoredMessage | undefined
  for await (const batch of mergeByTime(order === 'oldest' ? parts : parts.reverse())) {
    for (const { message } of batch) {
      const isFull = items.length >= limit || scanned >= maxScanned
      if (isFull && !isSameMessage(message, last)) return { items, next, scanned, reachedMs }
      last = message
      next.set(message.stream, message.sequence)
      if (message.storedAtMs > (range.toMs ?? Number.POSITIVE_INFINITY)) continue
      if (message.storedAtMs < (range.fromMs ?? 0)) continue
      scanned++
      reachedMs = message.storedAtMs
      const entry = factOf(message)
      if ('event' in entry ? matches(filter, entry.event) : filter.text === undefined) items.push(entry)
    }
    const nowMs = performance.now()
    if (nowMs - beganMs > maxMs || signal?.aborted) return { items, next, scanned, reachedMs }
    if (nowMs - turnBeganMs > MAX_TURN_MS) {
      await turn()
      turnBeganMs = performance.now()
    }
  }
  return { items, next: undefined, scanned, reachedMs }
}

function isSameMessage({ stream, sequence }: StoredMessage, other: StoredMessage | undefined): boolean {
  return sequence === other?.sequence && stream === other.stream
}

function partsOf({ filter, range, after }: EventQuery, signal: AbortSignal | undefined): Part[] {
  const { kind: entry, user, key } = filter
  const all = entry === undefined && user === undefined && key === undefined
  return sourcesOf(filter).map(({ stream, subject }) => ({
    // Without a filter the server knows by itself where a stream ends.
    source: all || subject === undefined ? { stream } : { stream, subject },
    range,
    after: after.get(STREAMS[stream]),
    signal,
  }))
}

interface Placed {
  /** Of the message, or its negative: so that the newest come first. */
  readonly storedAtMs: number
  readonly message: StoredMessage
}

async function* forwards(link: NatsLink, { source, range, after, signal }: Part): AsyncGenerator<Placed[]> {
  const { fromMs, toMs = Number.POSITIVE_INFINITY } = range
  const begin = fromMs === undefined || fromMs <= 0 ? ('first' as const) : { timeMs: Math.ceil(fromMs) }
  const from = after === undefined ? begin : { sequence: after + 1 }
  try {
    for await (const messages of replayStored(link, { ...optionsOf(source, signal), from })) {
      yield messages.map(message => ({ storedAtMs: message.storedAtMs, message }))
      if (messages[messages.length - 1]!.storedAtMs > toMs + CLOCK_STEP_MS) return
    }
  } catch (cause) {
    throw new LogUnreadable(STREAMS[source.stream], cause)
  }
}

/** JetStream reads forwards only: so a span before the end is read and turned round, then the span before that. */
async function* backwards(link: NatsLink, { source, range, after, signal }: Part): AsyncGenerator<Placed[]> {
  const stream = STREAMS[source.stream]
  try {
    const { state } = await link.manager.streams.info(stream)
    let end = after ?? (await endOf(link, source, range.toMs)) ?? state.last_seq + 1
    let span = FIRST_SPAN
    while (end > state.first_seq && !signal?.aborted) {
      const first = Math.max(state.first_seq, end - span)
      const found: Placed[] = []
      const options = { ...optionsOf(source, signal), from: { sequence: first } }
      for await (const messages of replayStored(link, options)) {
        for (const message of messages) {
          if (message.sequence < end) found.push({ storedAtMs: -message.storedAtMs, message })
        }
        if (messages[messages.length - 1]!.sequence >= end - 1) break
      }
      if (signal?.aborted) return
      if (found.length > 0) yield found.reverse()
      const oldest = found[found.length - 1]?.message.storedAtMs ?? Number.POSITIVE_INFINITY
      if (oldest < (range.fromMs ?? 0) - CLOCK_STEP_MS) return
      if (found.length < span / SPAN_GROWS) span = Math.min(span * SPAN_GROWS, MAX_SPAN)
      end = first
    }
  } catch (cause) {
    throw new LogUnreadable(stream, cause)
  }
}

/** The position after the last message of a range; undefined when all that the stream holds is before its end. */
async function endOf(
  link: NatsLink,
  { stream }: Source,
  toMs: number | undefined,
): Promise<number | undefined> {
  if (toMs === undefined) return undefined
  const from = { timeMs: Math.floor(toMs) + 1 }
  for await (const [message] of replayStored(link, {
    stream: STREAMS[stream],
    from,
    maxBatch: 1,
    maxBuffered: 2,
  }))
    return message?.sequence
  return undefined
}

function optionsOf({ stream, subject }: Source, signal: AbortSignal | undefined) {
  return {
    stream: STREAMS[stream],
    maxBuffered: MAX_AHEAD,
    ...(subject === undefined ? {} : { filter: subject }),
    ...(signal === undefined ? {} : { signal }),
  }
}
