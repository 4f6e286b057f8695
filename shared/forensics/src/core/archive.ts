import { readJson } from '@fluxgate/contracts'
import { CHAIN_START, sealed } from './hash-chain.ts'

export const ARCHIVE_FORMAT = 'fluxgate-log/1'

/** A message as a stream holds it. */
export interface ArchivedMessage {
  /** JetStream stream name. */
  readonly stream: string
  readonly sequence: number
  readonly storedAtMs: number
  readonly subject: string
  /** `Nats-Msg-Id`: the id of the event or batch; null for a message that was stored without. */
  readonly id: string | null
  /** Of a batch: what its events share. */
  readonly headers?: Readonly<Record<string, string>>
  readonly data: Uint8Array
}

export interface ArchiveHeader {
  readonly format: typeof ARCHIVE_FORMAT
  /** The range that was asked for, ISO 8601; null for an end of the log. */
  readonly from: string | null
  readonly to: string | null
  /** Stream → its first and last position when the export began, and how many before were dropped by retention. */
  readonly streams: Readonly<Record<string, { first: number; last: number; dropped: number }>>
}

/**
 * Makes the lines of an archive: a header, each message with its number from 1, a trailer with the count. Each bears the
 * hash over the line before and itself. The message stands in its line as it was stored, byte for byte, and a batch as a text;
 * what is not JSON on one line, or not UTF-8, in Base64.
 */
export class ArchiveWriter {
  #hash = CHAIN_START
  #count = 0

  /** Messages written so far. */
  get count(): number {
    return this.#count
  }

  /** Of the last line: who keeps it can tell later that the whole file is the same. */
  get hash(): string {
    return this.#hash
  }

  header(header: ArchiveHeader): string {
    return this.#line(JSON.stringify({ kind: 'header', ...header }))
  }

  message({ stream, sequence, storedAtMs, subject, id, headers, data }: ArchivedMessage): string {
    const place = {
      n: ++this.#count,
      stream,
      sequence,
      storedAt: new Date(storedAtMs).toISOString(),
      subject,
      id,
      ...(headers && { headers }),
    }
    const batch = headers && textOf(data)
    if (batch !== undefined) return this.#line(JSON.stringify({ ...place, batch }))
    const head = JSON.stringify(place).slice(0, -1)
    const text = headers ? undefined : lineText(data)
    return this.#line(
      text === undefined
        ? `${head},"base64":"${Buffer.from(data).toString('base64')}"}`
        : `${head},"event":${text}}`,
    )
  }

  trailer(): string {
    return this.#line(JSON.stringify({ kind: 'trailer', count: this.#count }))
  }

  #line(body: string): string {
    const { line, hash } = sealed(body, this.#hash)
    this.#hash = hash
    return line
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes as text, if that is one line of JSON. */
function lineText(data: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(data)
    const isJson = readJson(text, { maxSize: text.length }).ok
    return !isJson || /[\r\n]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** The bytes as text, if they are UTF-8. */
function textOf(data: Uint8Array): string | undefined {
  try {
    return decoder.decode(data)
  } catch {
    return undefined
  }
}

interface ArchivedPosition {
  readonly n: number
  readonly stream: string
  readonly sequence: number
  readonly storedAt: string
  readonly subject: string
  readonly id: string | null
  readonly headers?: Record<string, string>
  readonly batch?: string
  readonly base64?: string
}

const EVENT_MEMBER = ',"event":'
const BATCH_MEMBER = ',"batch":"'

/** The message that a line of {@link ArchiveWriter} holds, without its hash; undefined when it holds none. */
export function messageIn(body: string): ArchivedMessage | undefined {
  // The members before are names and numbers of ours: the first occurrence is the event's.
  const eventAt = body.indexOf(EVENT_MEMBER)
  const batchAt = body.indexOf(BATCH_MEMBER)
  const at = batchAt !== -1 && (eventAt === -1 || batchAt < eventAt) ? -1 : eventAt
  const text = at === -1 ? body : `${body.slice(0, at)}}`
  const read = readJson(text, { maxSize: text.length })
  if (!read.ok || typeof read.value !== 'object' || read.value === null) return undefined
  try {
    const place = read.value as ArchivedPosition
    const { stream, sequence, storedAt, subject, id, headers, batch, base64 } = place
    if (typeof stream !== 'string' || typeof subject !== 'string' || !Number.isInteger(sequence))
      return undefined
    const data = at === -1 ? bytesOf(batch, base64) : Buffer.from(body.slice(at + EVENT_MEMBER.length, -1))
    const message = { stream, sequence, storedAtMs: Date.parse(storedAt), subject, id: id ?? null, data }
    return headers === undefined ? message : { ...message, headers }
  } catch {
    return undefined
  }
}

function bytesOf(batch: string | undefined, base64 = ''): Buffer {
  return batch === undefined ? Buffer.from(base64, 'base64') : Buffer.from(batch)
}
