import { BATCH_HEADERS, batchedStreamOf, parseSubject, STREAMS } from '@fluxgate/contracts'
import { API_ERROR, isApiError } from './api-error.ts'
import type { BatchPart, EncodedRecord, StoredAt } from './backlog.ts'
import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { pause, readStored } from './read.ts'
import type { StreamEnds } from './stream-ends.ts'

const RETRY_MS = 500

/** A record that is sought. */
export type StoredQuery = Pick<EncodedRecord, 'subject' | 'id' | 'part'>

/**
 * Which of these records their streams hold, and where: a stream drops a copy for 30 s only, and this looks further back.
 * Reads headers from `ends` on, which the streams had before the first of the events was sent, up to where each stream ends
 * when it is asked. So every id is decided, whatever the clocks of gateways and servers say. Without `ends`, or when the
 * stream has been made anew since, it reads from the stream's beginning.
 */
export async function findStored(
  link: NatsLink,
  sought: Iterable<StoredQuery>,
  ends: StreamEnds | undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<Map<string, StoredAt>> {
  const soughtIn = new Map<string, Sought>()
  for (const { subject, id, part } of sought) {
    const name = batchedStreamOf(subject) ?? parseSubject(subject)?.stream
    if (!name) continue
    const stream = STREAMS[name]
    let inStream = soughtIn.get(stream)
    if (!inStream) {
      inStream = new Sought()
      soughtIn.set(stream, inStream)
    }
    inStream.add(id, part)
  }
  const found = new Map<string, StoredAt>()
  for (const [stream, inStream] of soughtIn) {
    const part = await partToRead(link, stream, ends, signal)
    signal.throwIfAborted()
    if (part) await scan(link, part, inStream, found, signal)
  }
  return found
}

/** Records that are sought in one stream. */
class Sought {
  readonly #ids = new Set<string>()
  /** By their batch. */
  readonly #parts = new Map<string, Array<{ readonly id: string; readonly part: BatchPart }>>()
  #count = 0

  get isEmpty(): boolean {
    return this.#count === 0
  }

  add(id: string, part: BatchPart | undefined): void {
    this.#count++
    if (part === undefined) this.#ids.add(id)
    else if (this.#parts.has(part.batch)) this.#parts.get(part.batch)!.push({ id, part })
    else this.#parts.set(part.batch, [{ id, part }])
  }

  /** The ids of records that a message holds; they are not sought any more. */
  take({ headers }: StoredMessage): string[] {
    const batch = headers?.get(BATCH_HEADERS.id)
    if (!batch) {
      const id = headers?.get('Nats-Msg-Id')
      if (!id || !this.#ids.delete(id)) return []
      this.#count--
      return [id]
    }
    const parts = this.#parts.get(batch)
    if (!parts) return []
    const first = Number(headers?.get(BATCH_HEADERS.first)) || 0
    const end = first + Number(headers?.get(BATCH_HEADERS.events))
    const isHeld = ({ part }: { part: BatchPart }) => part.first >= first && part.first < end
    const held = parts.filter(isHeld).map(({ id }) => id)
    this.#parts.set(
      batch,
      parts.filter(each => !isHeld(each)),
    )
    this.#count -= held.length
    return held
  }
}

/** What of a stream can hold the events, both ends included. */
interface Part {
  readonly stream: string
  readonly first: number
  readonly last: number
}

/** @returns undefined when there is nothing to read. Asks again until NATS answers. */
async function partToRead(
  link: NatsLink,
  stream: string,
  ends: StreamEnds | undefined,
  signal: AbortSignal,
): Promise<Part | undefined> {
  while (!signal.aborted) {
    try {
      const { created, state } = await link.manager.streams.info(stream)
      const end = ends?.[stream]
      const isSame = end !== undefined && end.created === String(created) && end.sequence <= state.last_seq
      const first = Math.max(state.first_seq, isSame ? end.sequence + 1 : 1)
      return state.messages === 0 || first > state.last_seq
        ? undefined
        : { stream, first, last: state.last_seq }
    } catch (error) {
      // A server that lost its disk: whoever owns the topology has not made the stream again yet.
      if (isApiError(error, API_ERROR.streamNotFound)) return undefined
      link.log.warn({ err: error, stream }, 'asking again for stored events')
      await pause(RETRY_MS, signal)
    }
  }
  return undefined
}

async function scan(
  link: NatsLink,
  { stream, first, last }: Part,
  sought: Sought,
  found: Map<string, StoredAt>,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController()
  const messages = readStored(link, {
    stream,
    from: { sequence: first },
    headersOnly: true,
    signal: AbortSignal.any([signal, stop.signal]),
    onStart: pending => {
      if (pending === 0) stop.abort()
    },
  })
  for await (const batch of messages) {
    for (const message of batch) {
      const at = { stream, sequence: message.sequence, duplicate: true }
      for (const id of sought.take(message)) found.set(id, at)
    }
    const read = batch[batch.length - 1]!
    if (read.pending === 0 || read.sequence >= last || sought.isEmpty) break
  }
  stop.abort()
  signal.throwIfAborted()
}
