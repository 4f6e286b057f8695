import { setImmediate as turn } from 'node:timers/promises'
import { placeOf, STREAMS, type StoredEvent } from '@fluxgate/contracts'
import {
  type NatsLink,
  type ReadOptions,
  replayStored,
  replayWhole,
  type StoredMessage,
  storedEvent,
} from '@fluxgate/nats'
import type { Range, Source, Unreadable } from '../core/log-source.ts'
import { mergeByTime } from '../core/merge.ts'

export type { Source } from '../core/log-source.ts'

export interface Reading {
  readonly signal?: AbortSignal | undefined
  /** Told now and then how far the reading is, in positions. */
  readonly onProgress?: ((read: number, of: number) => void) | undefined
  /** Batches come whole: for who copies bytes. */
  readonly isWhole?: boolean
  /** Leaves the payloads out, and so batches whole: for a look at ids and times. */
  readonly headersOnly?: boolean
  /** Messages of a stream fetched ahead, at the most: few where others wait for the same thread. */
  readonly maxBuffered?: number
  /** Messages handed over at once, at the most: more where they are folded elsewhere. */
  readonly maxBatch?: number
}

/** The end of a range is looked for so far beyond it: a stream's clock may step back when its leader changes. */
export const CLOCK_STEP_MS = 10_000

/** Messages of a stream fetched ahead of the folds: the server never waits for them, and they are gone while they are young. */
const MAX_BUFFERED = 4_000

/** Messages handed over at once: few enough that folding them is no long turn. */
const MAX_BATCH = 250

/** Folding goes on for so long at a time: in a service, others wait for the same thread. */
export const MAX_TURN_MS = 8

/** There is no such stream, or it cannot be read. */
export class LogUnreadable extends Error {
  readonly code = 'FLUXGATE_LOG_UNREADABLE'
  constructor(stream: string, cause: unknown) {
    const { message } = cause as Error
    super(
      message.includes('stream not found')
        ? `there is no stream ${stream}: has a gateway ever run on it?`
        : `stream ${stream} cannot be read: ${message}`,
      { cause },
    )
    this.name = 'LogUnreadable'
  }
}

/**
 * The messages of events, of several sources as one, by the time at which they were stored; ends where the log ended
 * when the reading began. Nothing is acknowledged, written or buried.
 * @throws LogUnreadable
 */
export async function* readMessages(
  link: NatsLink,
  sources: readonly Source[],
  range: Range,
  reading: Reading = {},
): AsyncGenerator<StoredMessage[]> {
  const progress = new Progress(reading.onProgress)
  const parts = sources.map(source => readSource(link, { ...range, ...source }, reading, progress))
  let turnBeganMs = performance.now()
  for await (const messages of mergeByTime(parts)) {
    if (performance.now() - turnBeganMs > MAX_TURN_MS) {
      await turn()
      turnBeganMs = performance.now()
    }
    if (reading.signal?.aborted) return
    yield messages
  }
}

/** As {@link readMessages}, as events; what cannot be read is told to `onUnreadable`, or left out. */
export async function* readEvents(
  link: NatsLink,
  sources: readonly Source[],
  range: Range,
  reading: Reading & { onUnreadable?: (message: Unreadable) => void } = {},
): AsyncGenerator<StoredEvent[]> {
  for await (const messages of readMessages(link, sources, range, reading)) {
    const entries: StoredEvent[] = []
    for (const message of messages) {
      const entry = factOf(message)
      if ('event' in entry) entries.push(entry)
      else reading.onUnreadable?.(entry)
    }
    yield entries
  }
}

export function factOf(message: StoredMessage): StoredEvent | Unreadable {
  const parsed = message.parse()
  if (parsed.ok) return storedEvent(message, parsed.value)
  const { storedAtMs, subject } = message
  return { ...placeOf(message), storedAtMs, subject, reason: parsed.reason }
}

async function* readSource(
  link: NatsLink,
  { stream: name, subject, fromMs, toMs }: Source,
  { signal, isWhole = false, headersOnly = false, maxBuffered = MAX_BUFFERED, maxBatch = MAX_BATCH }: Reading,
  progress: Progress,
): AsyncGenerator<StoredMessage[]> {
  const stream = STREAMS[name]
  const options: ReadOptions = {
    stream,
    headersOnly,
    maxBuffered,
    maxBatch,
    from: fromMs === undefined || fromMs <= 0 ? 'first' : { timeMs: Math.ceil(fromMs) },
    ...(subject === undefined ? {} : { filter: subject }),
    ...(signal === undefined ? {} : { signal }),
  }
  try {
    const { state } = await link.manager.streams.info(stream)
    const part = progress.part(state.last_seq)
    const end = toMs ?? Number.POSITIVE_INFINITY
    const replayed = isWhole || headersOnly ? replayWhole : replayStored
    for await (const messages of replayed(link, options)) {
      const last = messages[messages.length - 1]!
      part.at(messages[0]!.sequence, last.sequence)
      const inRange = last.storedAtMs <= end ? messages : messages.filter(each => each.storedAtMs <= end)
      if (inRange.length > 0) yield inRange
      if (last.storedAtMs > end + CLOCK_STEP_MS) break
    }
    part.done()
  } catch (cause) {
    throw new LogUnreadable(stream, cause)
  }
}

/** How far all sources together are. A source's share is known once its first message has come. */
class Progress {
  readonly #tell: Reading['onProgress']
  readonly #parts: Array<{ read: number; of: number }> = []

  constructor(tell: Reading['onProgress']) {
    this.#tell = tell
  }

  part(lastSequence: number) {
    const part = { read: 0, of: 0 }
    this.#parts.push(part)
    let firstSequence: number | undefined
    return {
      at: (first: number, last: number) => {
        firstSequence ??= first
        part.read = last - firstSequence + 1
        part.of = Math.max(part.read, lastSequence - firstSequence + 1)
        this.#told()
      },
      done: () => {
        part.of = part.read
        this.#told()
      },
    }
  }

  #told(): void {
    let read = 0
    let of = 0
    for (const part of this.#parts) {
      read += part.read
      of += part.of
    }
    this.#tell?.(read, of)
  }
}
