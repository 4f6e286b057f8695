import { crc32 } from 'node:zlib'
import { type EncodedEvent, payloadBytes, writePayload } from '@fluxgate/nats'

/**
 * `event`: to be published. `context`: an earlier event, repeated at the head of a segment and not published again. `copy`: an
 * event of an earlier segment that the disk may have lost, published only if it has.
 */
export type RecordKind = 'event' | 'context' | 'copy'

export interface SpoolRecord extends EncodedEvent {
  readonly kind: RecordKind
  readonly payload: Uint8Array
  /** Counts the events of one directory; a context record has the position of the event after it. */
  readonly position: number
  /** When it was written, epoch milliseconds. */
  readonly atMs: number
  /** Bytes on disk. */
  readonly bytes: number
}

/*
 * Layout, little-endian:
 *   0 u32 length of the body · 4 u32 CRC-32 of the body · body:
 *   8 u8 kind · 9 u8 length of the id · 10 u16 length of the subject · 12 f64 time · 20 f64 position · 28 id, subject, payload
 */
const HEAD_BYTES = 8
const FIXED_BYTES = 20
const KINDS: readonly RecordKind[] = ['event', 'context', 'copy']
/** Above `max_payload` of any server: a longer length is damage. */
const MAX_BODY_BYTES = 16 * 1024 ** 2

export function recordBytes(event: EncodedEvent): number {
  return HEAD_BYTES + FIXED_BYTES + event.id.length + event.subject.length + payloadBytes(event)
}

/** Writes a record at `offset` of a buffer with room for it. @returns the offset behind it */
export function writeRecord(
  into: Buffer,
  offset: number,
  kind: RecordKind,
  event: EncodedEvent,
  position: number,
  atMs: number,
): number {
  const { id, subject } = event
  const body = offset + HEAD_BYTES
  const text = body + FIXED_BYTES
  into[body] = KINDS.indexOf(kind)
  into[body + 1] = id.length
  into.writeUInt16LE(subject.length, body + 2)
  into.writeDoubleLE(atMs, body + 4)
  into.writeDoubleLE(position, body + 12)
  const end = writePayload(into, text + into.write(id + subject, text, 'latin1'), event)
  into.writeUInt32LE(end - body, offset)
  into.writeUInt32LE(crc32(into.subarray(body, end)), offset + 4)
  return end
}

/** `incomplete`: the buffer ends before the record does. `damaged`: no record begins here, or its bytes have changed. */
export function readRecord(from: Buffer, offset: number): SpoolRecord | 'incomplete' | 'damaged' {
  if (offset + HEAD_BYTES > from.length) return 'incomplete'
  const length = from.readUInt32LE(offset)
  if (length < FIXED_BYTES || length > MAX_BODY_BYTES) return 'damaged'
  const body = offset + HEAD_BYTES
  const end = body + length
  if (end > from.length) return 'incomplete'
  const kind = KINDS[from[body]!]
  const idEnd = body + FIXED_BYTES + from[body + 1]!
  const subjectEnd = idEnd + from.readUInt16LE(body + 2)
  if (kind === undefined || subjectEnd > end) return 'damaged'
  if (crc32(from.subarray(body, end)) !== from.readUInt32LE(offset + 4)) return 'damaged'
  return {
    kind,
    atMs: from.readDoubleLE(body + 4),
    position: from.readDoubleLE(body + 12),
    id: from.toString('latin1', body + FIXED_BYTES, idEnd),
    subject: from.toString('latin1', idEnd, subjectEnd),
    payload: from.subarray(subjectEnd, end),
    bytes: end - offset,
  }
}

/** Where the next whole record begins, from `offset` on; the buffer's end when there is none. */
export function findRecord(from: Buffer, offset: number): number {
  for (let at = offset; at + HEAD_BYTES + FIXED_BYTES <= from.length; at++) {
    if (typeof readRecord(from, at) === 'object') return at
  }
  return from.length
}
