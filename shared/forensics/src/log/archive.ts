import {
  BATCH_HEADERS,
  batchedStreamOf,
  batchHead,
  parseBatch,
  parseEvent,
  parseSubject,
  STREAMS,
} from '@fluxgate/contracts'
import { messageHeaders, type NatsLink, type StoredMessage } from '@fluxgate/nats'
import { ARCHIVE_FORMAT, type ArchivedMessage, ArchiveWriter } from '../core/archive.ts'
import { ALL_STREAMS, type Range } from '../core/log-source.ts'
import { type Reading, readMessages } from './read.ts'
import { type RetainedRange, retention } from './retention.ts'

/** The lines of an archive of a range, in batches, without line ends; the last one is its trailer. */
export async function* archive(
  link: NatsLink,
  range: Range,
  reading: Reading & { onRetained?: (kept: RetainedRange[]) => void } = {},
): AsyncGenerator<{ lines: string[]; count: number; hash: string }> {
  const kept = await retention(link)
  reading.onRetained?.(kept)
  const writer = new ArchiveWriter()
  const batch = (lines: string[]) => ({ lines, count: writer.count, hash: writer.hash })
  const streams = kept.map(({ stream, firstSequence, lastSequence, dropped }) => [
    stream,
    { first: firstSequence, last: lastSequence, dropped },
  ])
  const iso = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString())
  const asked = { from: iso(range.fromMs), to: iso(range.toMs) }
  yield batch([writer.header({ format: ARCHIVE_FORMAT, ...asked, streams: Object.fromEntries(streams) })])
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  for await (const messages of readMessages(link, sources, range, { ...reading, isWhole: true })) {
    yield batch(messages.map(message => writer.message(archived(message))))
  }
  if (!reading.signal?.aborted) yield batch([writer.trailer()])
}

function archived({ stream, sequence, storedAtMs, subject, headers, data }: StoredMessage): ArchivedMessage {
  const id = headers?.get('Nats-Msg-Id') || null
  const message = { stream, sequence, storedAtMs, subject, id, data }
  if (!batchedStreamOf(subject)) return message
  const names = Object.values(BATCH_HEADERS).filter(name => headers?.has(name))
  return { ...message, headers: Object.fromEntries(names.map(name => [name, headers!.get(name)])) }
}

export interface ImportCounts {
  imported: number
  /** Already in the log, under the same id. */
  known: number
  /** Not events that this version can read: they are not put into a log again. */
  unreadable: number
}

/** Messages published and not acknowledged. */
const MAX_OUTSTANDING = 256
const TRIES = 5

/**
 * Publishes archived messages under their ids. What the streams hold already is left out, however long ago it was
 * stored. Their order is kept for each stream, and they are stored anew: with the time of the import.
 */
export async function importMessages(
  link: NatsLink,
  messages: AsyncIterable<ArchivedMessage>,
  reading: Reading = {},
): Promise<ImportCounts> {
  const counts: ImportCounts = { imported: 0, known: 0, unreadable: 0 }
  const known = await idsOf(link, reading)
  let outstanding: Array<Promise<void>> = []
  for await (const message of messages) {
    if (reading.signal?.aborted) break
    const id = importedId(message)
    if (id === undefined) {
      counts.unreadable++
      continue
    }
    if (known.has(id)) {
      counts.known++
      continue
    }
    known.add(id)
    outstanding.push(publish(link, message, id, counts))
    if (outstanding.length < MAX_OUTSTANDING) continue
    await Promise.all(outstanding)
    outstanding = []
  }
  await Promise.all(outstanding)
  return counts
}

/** Under which the message is published; undefined when it holds no event that this version can read. */
function importedId({ stream, subject, id, headers, data }: ArchivedMessage): string | undefined {
  const batched = batchedStreamOf(subject)
  if (batched) {
    const fields = new Map(Object.entries(headers ?? {}))
    const events = parseBatch(data, batchHead({ get: name => fields.get(name) ?? '' }))
    return STREAMS[batched] === stream && events.some(({ ok }) => ok) ? (id ?? undefined) : undefined
  }
  const place = parseSubject(subject)
  const parsed = parseEvent(data)
  return parsed.ok && place && STREAMS[place.stream] === stream ? parsed.value.id : undefined
}

async function publish(
  link: NatsLink,
  message: ArchivedMessage,
  id: string,
  counts: ImportCounts,
): Promise<void> {
  const options = { msgID: id, headers: messageHeaders(message.headers ?? {}) }
  for (let tries = 1; ; tries++) {
    try {
      const { duplicate } = await link.jetstream.publish(message.subject, message.data, options)
      if (duplicate && tries === 1) counts.known++
      else counts.imported++
      return
    } catch (error) {
      // Sent again under the same id: the stream drops the copy if the first one was stored after all.
      if (tries === TRIES) throw error
    }
  }
}

/** Ids of all messages that the streams hold. */
async function idsOf(link: NatsLink, reading: Reading): Promise<Set<string>> {
  const ids = new Set<string>()
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  for await (const messages of readMessages(link, sources, {}, { ...reading, headersOnly: true })) {
    for (const { headers } of messages) {
      const id = headers?.get('Nats-Msg-Id')
      if (id) ids.add(id)
    }
  }
  return ids
}
