import type { Dialect } from './dialect.ts'
import type { AnswerForm } from './tap.ts'

/** A content type without its parameters, in lower case (RFC 9110 section 8.3.1). */
export function mediaTypeOf(contentType: string | readonly string[] | undefined): string {
  if (typeof contentType !== 'string') return ''
  const end = contentType.indexOf(';')
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

export const EVENT_STREAM = 'text/event-stream'
export const JSON_LINES = 'application/x-ndjson'
/** Sounds and pictures may begin with any byte. */
const BINARY = /^(?:audio|image|video)\/|^application\/octet-stream$/
/** With what a line of an event stream begins: `data`, `event`, `id`, `retry`, or a comment. No JSON does. */
const FIRST_OF_FIELDS = new Set([...'deir:'].map(char => char.charCodeAt(0)))
const OPEN_BRACE = 123
const OPEN_BRACKET = 91
/** Bytes of UTF-8's byte order mark. */
const BOM = new Set([0xef, 0xbb, 0xbf])

interface Asked {
  readonly dialect: Pick<Dialect, 'streamForm'>
  readonly status: number
  readonly mediaType: string
  readonly isStreamAsked: boolean
}

/**
 * What was asked and the first bytes decide what an answer is, and the content type only where they leave it open: streams
 * come without one, and as `text/plain`; errors come as JSON to those who asked for a stream.
 *
 * @returns undefined while nothing but white space has come
 */
export function formOf(
  { dialect, status, mediaType, isStreamAsked }: Asked,
  chunk: Buffer,
): AnswerForm | undefined {
  if (status >= 400 || BINARY.test(mediaType)) return 'opaque'
  const first = firstByte(chunk)
  if (first === undefined) return undefined
  if (first === OPEN_BRACE && dialect.streamForm === 'lines')
    return isStreamAsked || mediaType === JSON_LINES ? 'lines' : 'document'
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return 'document'
  if (mediaType === EVENT_STREAM || (isStreamAsked && FIRST_OF_FIELDS.has(first))) return 'events'
  return 'opaque'
}

function firstByte(chunk: Buffer): number | undefined {
  // The iterator of a buffer would cost more than all the rest.
  for (let i = 0; i < chunk.length; i++) {
    const byte = chunk[i]!
    if (byte > 32 && !BOM.has(byte)) return byte
  }
  return undefined
}
