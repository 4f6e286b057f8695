import { crc32 } from 'node:zlib'
import { type BatchPart, type EncodedRecord, partId, payloadBytes, writePayload } from '@fluxgate/nats'

/**
 * `event`: to be published. `context`: an earlier event, repeated at the head of a segment and not published again. `copy`: an
 * event of an earlier segment that the disk may have lost, published only if it has.
 */
export type RecordKind = 'event' | 'context' | 'copy'

export interface SpoolRecord extends EncodedRecord {
  readonly kind: RecordKind
  readonly payload: Uint8Array
  /** Counts the events of one directory; a context record has the position of the event after it. */
  readonly position: number
  /** When it was written, epoch milliseconds. */
  readonly atMs: number
  /** Bytes on disk. */
  readonly bytes: number
  /** Where it begins in what it was read from. */
  readonly offset: number
}

/*
 * Layout, little-endian:
 *   0 u32 length of the body · 4 u32 CRC-32 of the body · body:
 *   8 u8 kind · 9 u8 length of the id · 10 u16 length of the subject · 12 f64 time · 20 f64 position · 28 id, subject, payload
 * The kind of a part of a batch has the highest bit set, and before its payload stand
 *   u32 index of the first event · u16 events · u16 length of the source · u16 length of the schemas · source, schemas
 */
export const HEAD_BYTES = 8
const FIXED_BYTES = 20
const KINDS: readonly RecordKind[] = ['event', 'context', 'copy']
const IS_PART = 0x80
const PART_BYTES = 10
/** Above `max_payload` of any server: a longer length is damage. */
const MAX_BODY_BYTES = 16 * 1024 ** 2

export function recordBytes(event: EncodedRecord): number {
  const { id, subject, part } = event
  return HEAD_BYTES + FIXED_BYTES + id.length + subject.length + partBytes(part) + payloadBytes(event)
}

function partBytes(part: BatchPart | undefined): number {
  return part === undefined ? 0 : PART_BYTES + part.source.length + part.schemas.length
}

/** Writes a record at `offset` of a buffer with room for it. @returns the offset behind it */
export function writeRecord(
  into: Buffer,
  offset: number,
  kind: RecordKind,
  event: EncodedRecord,
  position: number,
  atMs: number,
): number {
  const { id, subject, part } = event
  const body = offset + HEAD_BYTES
  const text = body + FIXED_BYTES
  into[body] = KINDS.indexOf(kind) | (part === undefined ? 0 : IS_PART)
  into[body + 1] = id.length
  into.writeUInt16LE(subject.length, body + 2)
  into.writeDoubleLE(atMs, body + 4)
  into.writeDoubleLE(position, body + 12)
  const payload = writePart(into, text + into.write(id + subject, text, 'latin1'), part)
  const end = writePayload(into, payload, event)
  into.writeUInt32LE(end - body, offset)
  into.writeUInt32LE(crc32(into.subarray(body, end)), offset + 4)
  return end
}

/** @returns the offset behind it */
function writePart(into: Buffer, offset: number, part: BatchPart | undefined): number {
  if (part === undefined) return offset
  const { first, events, source, schemas } = part
  into.writeUInt32LE(first, offset)
  into.writeUInt16LE(events, offset + 4)
  into.writeUInt16LE(source.length, offset + 6)
  into.writeUInt16LE(schemas.length, offset + 8)
  const text = offset + PART_BYTES
  return text + into.write(source + schemas, text, 'latin1')
}

/** `incomplete`: the buffer ends before the record does. `damaged`: no record begins here, or its bytes have changed. */
export function readRecord(from: Buffer, offset: number): SpoolRecord | 'incomplete' | 'damaged' {
  if (offset + HEAD_BYTES > from.length) return 'incomplete'
  const length = from.readUInt32LE(offset)
  if (length < FIXED_BYTES || length > MAX_BODY_BYTES) return 'damaged'
  const body = offset + HEAD_BYTES
  const end = body + length
  if (end > from.length) return 'incomplete'
  const kind = KINDS[from[body]! & ~IS_PART]
  const idEnd = body + FIXED_BYTES + from[body + 1]!
  const subjectEnd = idEnd + from.readUInt16LE(body + 2)
  if (kind === undefined || subjectEnd > end) return 'damaged'
  if (crc32(from.subarray(body, end)) !== from.readUInt32LE(offset + 4)) return 'damaged'
  const id = from.toString('latin1', body + FIXED_BYTES, idEnd)
  const part = (from[body]! & IS_PART) === 0 ? undefined : readPart(from, subjectEnd, end, id)
  if (part === 'damaged') return 'damaged'
  return {
    kind,
    atMs: from.readDoubleLE(body + 4),
    position: from.readDoubleLE(body + 12),
    id,
    subject: from.toString('latin1', idEnd, subjectEnd),
    part,
    payload: from.subarray(subjectEnd + partBytes(part), end),
    bytes: end - offset,
    offset,
  }
}

function readPart(from: Buffer, offset: number, end: number, id: string): BatchPart | 'damaged' {
  const text = offset + PART_BYTES
  if (text > end) return 'damaged'
  const first = from.readUInt32LE(offset)
  const sourceEnd = text + from.readUInt16LE(offset + 6)
  const schemasEnd = sourceEnd + from.readUInt16LE(offset + 8)
  const ending = partId('', first)
  if (schemasEnd > end || !id.endsWith(ending)) return 'damaged'
  return {
    batch: id.slice(0, id.length - ending.length),
    first,
    events: from.readUInt16LE(offset + 4),
    source: from.toString('latin1', text, sourceEnd),
    schemas: from.toString('latin1', sourceEnd, schemasEnd),
  }
}

/** Where the next whole record begins, from `offset` on; the buffer's end when there is none. */
export function findRecord(from: Buffer, offset: number): number {
  for (let at = offset; at + HEAD_BYTES + FIXED_BYTES <= from.length; at++) {
    if (typeof readRecord(from, at) === 'object') return at
  }
  return from.length
}
