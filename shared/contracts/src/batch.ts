import { EVENTS, type FluxgateEvent } from './catalog.ts'
import type { StreamName } from './envelope.ts'
import { identityText, userHash } from './identity.ts'
import { checkEvent, type Parsed } from './parse.ts'

/**
 * A batch: one message of `REQUESTS` or `TOKENS` that holds events of one node in its order, a line of JSON each. What all
 * of them share stands in the message's headers under the CloudEvents names (CloudEvents NATS Protocol Binding 1.0); a line
 * has the rest: `type`, `time`, `sequence`, `traceparent` and `data`. An event's id is the batch's id and the event's index
 * in the batch, its subject is the identity in its data.
 */
export const BATCH_HEADERS = Object.freeze({
  id: 'ce-id',
  source: 'ce-source',
  /** `<stream>.<fact>:<version>` of every event of the stream, with blanks between. */
  schemas: 'ce-dataschema',
  /** How many events the message holds: who reads headers alone knows which. */
  events: 'Fluxgate-Events',
  /** Index of the message's first event in its batch; absent: 0. More only where a batch had to be sent in parts. */
  first: 'Fluxgate-First',
})

/** Bytes after which a batch is closed; see also {@link MAX_BATCH_EVENTS}. */
export const MAX_BATCH_BYTES = 256 * 1024

export type BatchedStream = 'requests' | 'tokens'

const BATCHED: ReadonlySet<string> = new Set<BatchedStream>(['requests', 'tokens'])
const SUBJECT = /^fluxgate\.(requests|tokens)\.(\d{1,2})$/

export function isBatched(stream: StreamName): stream is BatchedStream {
  return BATCHED.has(stream)
}

/** `fluxgate.<stream>.<p>`: the partition is the user's hash modulo the number of partitions. */
export function batchSubject(stream: BatchedStream, user: string, partitions: number): string {
  return `fluxgate.${stream}.${partitions === 1 ? 0 : userHash(user) % partitions}`
}

/** The stream whose batches have this subject; undefined for a message that is one event. */
export function batchedStreamOf(subject: string): BatchedStream | undefined {
  return SUBJECT.exec(subject)?.[1] as BatchedStream | undefined
}

/** The header of a batch that its events' schemas stand in. */
export function schemasOf(stream: BatchedStream): string {
  return SCHEMAS[stream]
}

const SCHEMAS: Readonly<Record<BatchedStream, string>> = {
  requests: versionsOf('requests'),
  tokens: versionsOf('tokens'),
}

function versionsOf(stream: StreamName): string {
  return EVENTS.filter(event => event.stream === stream)
    .map(({ name, version }) => `${name}:${version}`)
    .join(' ')
}

/** What the events of a message share. */
export interface BatchHead {
  readonly id: string
  readonly source: string
  /** CloudEvents `type` → `dataschema`. */
  readonly schemas: ReadonlyMap<string, string>
  readonly first: number
}

interface Headers {
  get(name: string): string
}

/** Reads the headers of a batch; what is missing is left empty, and no event of the batch is valid then. */
export function batchHead(headers: Headers | undefined): BatchHead {
  const get = (name: string) => headers?.get(name) ?? ''
  return {
    id: get(BATCH_HEADERS.id),
    source: get(BATCH_HEADERS.source),
    schemas: readSchemas(get(BATCH_HEADERS.schemas)),
    first: Number(get(BATCH_HEADERS.first)) || 0,
  }
}

let lastText = ''
let lastSchemas: ReadonlyMap<string, string> = new Map()

/** Reads what {@link schemasOf} writes. Nearly all batches of a reading have the same text. */
export function readSchemas(text: string): ReadonlyMap<string, string> {
  if (text === lastText) return lastSchemas
  lastText = text
  lastSchemas = new Map(
    text.split(' ').map(part => [`fluxgate.${part.split(':', 1)[0]}`, `urn:fluxgate:${part}`] as const),
  )
  return lastSchemas
}

/** An event's id: its batch's, and its index. */
export function batchedId(batch: string, index: number): string {
  return `${batch}-${index}`
}

/** An event as a line of a batch, without its LF. */
export function encodeLine({ type, time, sequence, traceparent, data }: FluxgateEvent): string {
  const trace = traceparent === undefined ? '' : `,"traceparent":"${traceparent}"`
  return `{"type":"${type}","time":"${time}","sequence":${sequence}${trace},"data":${JSON.stringify(data)}}`
}

const LF = 10
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The lines of a batch, as views of its bytes. */
export function batchLines(data: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let from = 0; from < data.length; ) {
    const end = data.indexOf(LF, from)
    const to = end === -1 ? data.length : end
    if (to > from) lines.push(data.subarray(from, to))
    from = to + 1
  }
  return lines
}

/** The events of a batch in its order; what cannot be read is a fault of its line alone. */
export function parseBatch(data: Uint8Array, head: BatchHead): Parsed<FluxgateEvent>[] {
  let text: string
  try {
    text = decoder.decode(data)
  } catch {
    // The bytes of one line spoil the text of all.
    return batchLines(data).map((line, i) => eventOfLine(line, head, i))
  }
  const parsed: Parsed<FluxgateEvent>[] = []
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from)
    const to = end === -1 ? text.length : end
    if (to > from) parsed.push(parseLine(text.slice(from, to), head, head.first + parsed.length))
    from = to + 1
  }
  return parsed
}

/** @param index of the line in its message */
export function eventOfLine(line: Uint8Array, head: BatchHead, index: number): Parsed<FluxgateEvent> {
  return parseLine(textOf(line), head, head.first + index)
}

function textOf(line: Uint8Array): string | Error {
  try {
    return decoder.decode(line)
  } catch (cause) {
    return cause as Error
  }
}

function parseLine(text: string | Error, head: BatchHead, index: number): Parsed<FluxgateEvent> {
  if (typeof text !== 'string') return { ok: false, reason: `not JSON: ${text.message}` }
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (cause) {
    return { ok: false, reason: `not JSON: ${(cause as Error).message}` }
  }
  const raw = wholeEvent(line, head, index)
  return raw === undefined ? { ok: false, reason: 'not a JSON object' } : checkEvent(raw)
}

/** The CloudEvent that a line stands for, whatever it holds; undefined when the line is no object. */
export function wholeEvent(
  line: unknown,
  head: BatchHead,
  index: number,
): Record<string, unknown> | undefined {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return undefined
  const { type, time, sequence, traceparent, data } = line as Record<string, unknown>
  const event: Record<string, unknown> = {
    specversion: '1.0',
    id: batchedId(head.id, index),
    source: head.source,
    type,
    subject: subjectOf(data),
    time,
    dataschema: head.schemas.get(type as string),
    sequence,
    data,
  }
  if (traceparent !== undefined) event.traceparent = traceparent
  return event
}

function subjectOf(data: unknown): string | undefined {
  const { user, key } = (data ?? {}) as { user?: unknown; key?: unknown }
  return typeof user === 'string' && typeof key === 'string' ? identityText({ user, key }) : undefined
}
