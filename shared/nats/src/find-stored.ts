import { parseSubject, STREAMS } from '@fluxgate/contracts'
import { API_ERROR, isApiError } from './api-error.ts'
import type { StoredAt } from './backlog.ts'
import type { NatsLink } from './link.ts'
import { pause, readStored } from './read.ts'
import type { StreamEnds } from './stream-ends.ts'

const RETRY_MS = 500

export interface StoredQuery {
  readonly subject: string
  readonly id: string
}

/**
 * Which of these events their streams hold, and where: a stream drops a copy for 30 s only, and this looks further back.
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
  const idsOfStream = new Map<string, Set<string>>()
  for (const { subject, id } of sought) {
    const parsed = parseSubject(subject)
    if (!parsed) continue
    const stream = STREAMS[parsed.stream]
    const ids = idsOfStream.get(stream)
    if (ids) ids.add(id)
    else idsOfStream.set(stream, new Set([id]))
  }
  const found = new Map<string, StoredAt>()
  for (const [stream, ids] of idsOfStream) {
    const part = await partToRead(link, stream, ends, signal)
    signal.throwIfAborted()
    if (part) await scan(link, part, ids, found, signal)
  }
  return found
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
  ids: Set<string>,
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
      const id = message.headers?.get('Nats-Msg-Id')
      if (id && ids.delete(id)) found.set(id, { stream, sequence: message.sequence, duplicate: true })
    }
    const read = batch[batch.length - 1]!
    if (read.pending === 0 || read.sequence >= last || ids.size === 0) break
  }
  stop.abort()
  signal.throwIfAborted()
}
