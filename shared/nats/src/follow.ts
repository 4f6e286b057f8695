import type { FluxgateEvent, StoredEvent } from '@fluxgate/contracts'
import { eventsOf } from './batched-event.ts'
import { buryMessage } from './dead-letter.ts'
import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { pause, type ReadOptions, readStored } from './read.ts'
import { Selection } from './selection.ts'
import { lastMessage } from './stored-message.ts'

/** Events of consecutive messages of one stream. `events` is empty when none of them could be read, or is wanted. */
export interface EventBatch {
  readonly stream: string
  readonly events: StoredEvent[]
  /** Position of the first message of the batch, read or buried. */
  readonly firstSequence: number
  /** Position of the last message of the batch, read or buried: what a checkpoint holds. */
  readonly lastSequence: number
  readonly lastStoredAtMs: number
  /** Messages that came behind this batch when the server sent it. */
  readonly pending: number
}

export interface FollowOptions extends ReadOptions {
  /** Who reads; stands in dead letters and logs. */
  readonly name: string
  /** What cannot be read goes to the dead letters, or is passed over by one who only looks. Default: bury. */
  readonly unreadable?: 'bury' | 'skip'
}

export interface Following extends AsyncDisposable {
  /** Messages buried because they could not be read. */
  readonly buried: number
  /** Batches given to the handler again after it threw. */
  readonly retries: number
}

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

/**
 * Follows a stream in order, for a fold that stores its own position. The handler gets the next batch when it is done
 * with the one before; when it throws it gets the same batch again, after a growing pause, until it succeeds. When the
 * stream is made anew, as after its server lost its disk, the new one is read from its first message.
 */
export function follow(
  link: NatsLink,
  options: FollowOptions,
  handler: (batch: EventBatch) => Promise<void>,
): Following {
  const stop = new AbortController()
  const counts = { buried: 0, retries: 0 }
  const selection = selectionOf(link, options)
  const running = (async () => {
    const onAnew = () => options.onAnew?.()
    for await (const messages of readStored(link, { ...options, onAnew, signal: stop.signal })) {
      const { events, unreadable } = parseAll(eventsOf(messages, selection))
      for (const { message, reason } of options.unreadable === 'skip' ? [] : unreadable) {
        await buryMessage(link, options.name, message, reason, stop.signal)
        counts.buried++
      }
      const batch = eventBatch(options.stream, messages, events)
      for (let wait = RETRY_MIN_MS; !stop.signal.aborted; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
        try {
          await handler(batch)
          break
        } catch (error) {
          counts.retries++
          link.log.error(
            { err: error, consumer: options.name, stream: options.stream, wait },
            'batch failed, again',
          )
          await pause(wait, stop.signal)
        }
      }
    }
  })()
  return {
    get buried() {
      return counts.buried
    },
    get retries() {
      return counts.retries
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

/**
 * Reads from a position up to what the stream holds when the reading starts, then ends. Unreadable messages are
 * skipped: replays look, they do not bury.
 */
export async function* replay(link: NatsLink, options: ReadOptions): AsyncGenerator<EventBatch> {
  const selection = selectionOf(link, options)
  for await (const messages of replayWhole(link, options)) {
    yield eventBatch(options.stream, messages, parseAll(eventsOf(messages, selection)).events)
  }
}

/** As {@link replay}, with each event's message: for who has to see what cannot be read. */
export async function* replayStored(link: NatsLink, options: ReadOptions): AsyncGenerator<StoredMessage[]> {
  const selection = selectionOf(link, options)
  for await (const messages of replayWhole(link, options)) {
    const events = eventsOf(messages, selection)
    if (events.length > 0) yield events
  }
}

/**
 * As {@link replay}, with the messages as they are stored, batches whole: for who copies bytes, or reads headers alone. A
 * filter leaves all batches in.
 */
export async function* replayWhole(link: NatsLink, options: ReadOptions): AsyncGenerator<StoredMessage[]> {
  const filters = selectionOf(link, options)?.filters ?? []
  const last = await lastSequence(link, options, filters)
  if (last === undefined) return
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const exact = filters.length === 0
  const onStart = (pending: number) => {
    if (exact && pending === 0) stop.abort()
  }
  try {
    for await (const all of readStored(link, { ...options, signal, onStart })) {
      const messages = all.filter(message => message.sequence <= last)
      if (messages.length > 0) yield messages
      const end = all[all.length - 1]!
      if (end.sequence >= last || (exact && end.pending === 0)) return
    }
  } finally {
    stop.abort()
  }
}

function selectionOf(link: NatsLink, { filter }: ReadOptions): Selection | undefined {
  return filter === undefined ? undefined : new Selection(link, filter)
}

/**
 * Where a replay ends, or undefined when there is nothing to read. With filters it is the last message that matches:
 * nats-server 2.9 miscounts what is pending for a consumer with a filter, in both directions (measured after a restart).
 */
async function lastSequence(
  link: NatsLink,
  { stream, from }: ReadOptions,
  filters: readonly string[],
): Promise<number | undefined> {
  if (filters.length === 0) return (await link.manager.streams.info(stream)).state.last_seq
  const found = await Promise.all(filters.map(filter => lastMessage(link, stream, filter)))
  const [message] = found.filter(each => each !== undefined).sort((a, b) => b.seq - a.seq)
  if (!message) return undefined
  const { seq, time } = message
  const isBefore =
    typeof from === 'object' && ('sequence' in from ? seq < from.sequence : time.getTime() < from.timeMs)
  return isBefore ? undefined : seq
}

function parseAll(messages: StoredMessage[]) {
  const events: StoredEvent[] = []
  const unreadable: Array<{ message: StoredMessage; reason: string }> = []
  for (const message of messages) {
    const parsed = message.parse()
    if (!parsed.ok) unreadable.push({ message, reason: parsed.reason })
    else events.push(storedEvent(message, parsed.value))
  }
  return { events, unreadable }
}

export function storedEvent(message: StoredMessage, event: FluxgateEvent): StoredEvent {
  const { stream, sequence, index, subject, storedAtMs } = message
  return index === undefined
    ? { stream, sequence, subject, storedAtMs, event }
    : { stream, sequence, index, subject, storedAtMs, event }
}

function eventBatch(stream: string, messages: StoredMessage[], events: StoredEvent[]): EventBatch {
  const last = messages[messages.length - 1]!
  return {
    stream,
    events,
    firstSequence: messages[0]!.sequence,
    lastSequence: last.sequence,
    lastStoredAtMs: last.storedAtMs,
    pending: last.pending,
  }
}
