import { closeSync, openSync, readSync } from 'node:fs'
import { findRecord, HEAD_BYTES, readRecord, type SpoolRecord } from './record.ts'

/** One append-only file of records. */
export interface Segment {
  readonly path: string
  readonly home: SegmentHome
  /** Bytes of whole records; what stands behind them is the rest of a write that failed. */
  bytes: number
  /** Events that no stream has acknowledged yet. */
  unacknowledged: number
  /** Nothing is written to it any more. */
  sealed: boolean
  /** A part could not be read: the file is set aside instead of deleted. */
  damaged: boolean
  /** The segment that comes after it in the order of publishing. */
  next: Segment | undefined
}

/** What a segment needs to know of the directory it stands in: which of its events are already stored. */
export interface SegmentHome {
  readonly path: string
  /** Events below this position were acknowledged in an earlier life. */
  readonly acknowledgedBelow: number
  /** Copies whose event cannot be read: id → position of the copy that counts. */
  readonly lonelyCopies: ReadonlyMap<string, number>
  /** The lowest position that is not acknowledged, while that is being looked for. */
  oldest: number
  /** Events from this position on may not be sent before {@link sending} has moved it. */
  readonly sendLimit: number
  sending(position: number): void
}

export function newSegment(path: string, home: SegmentHome): Segment {
  return { path, home, bytes: 0, unacknowledged: 0, sealed: false, damaged: false, next: undefined }
}

/** Whether a record is an event of its own that this directory's streams may not have. */
export function isPublished({ kind, id, position }: SpoolRecord, home: SegmentHome): boolean {
  if (position < home.acknowledgedBelow) return false
  return kind === 'event' || (kind === 'copy' && home.lonelyCopies.get(id) === position)
}

export interface ReadResult {
  readonly records: SpoolRecord[]
  /** Where to read on. */
  readonly offset: number
  /** Bytes between whole records that are none. */
  readonly damagedBytes: number
  /** Bytes at the end that are no whole record: a write that a crash has torn. */
  readonly tornBytes: number
}

const NONE: ReadResult = Object.freeze({ records: [], offset: 0, damagedBytes: 0, tornBytes: 0 })

/** Reads whole records from `offset` on, up to `end` (the file's size) and about `maxBytes` of them. */
export function readRecords(fd: number, offset: number, end: number, maxBytes: number): ReadResult {
  if (offset >= end) return { ...NONE, offset: end }
  const buffer = readBytes(fd, offset, Math.min(maxBytes, end - offset))
  const records: SpoolRecord[] = []
  let at = 0
  while (at < buffer.length) {
    const record = readRecord(buffer, at)
    if (typeof record === 'string') break
    records.push({ ...record, offset: offset + at })
    at += record.bytes
  }
  if (records.length > 0) return { records, offset: offset + at, damagedBytes: 0, tornBytes: 0 }
  return readAround(fd, offset, end)
}

/** The next record is damaged, torn, or larger than what was read: looks at all that is left of the file. */
function readAround(fd: number, offset: number, end: number): ReadResult {
  const rest = readBytes(fd, offset, end - offset)
  const at = findRecord(rest, 0)
  if (at === rest.length) return { ...NONE, offset: end, tornBytes: rest.length }
  const record = readRecord(rest, at) as SpoolRecord
  return {
    records: [{ ...record, offset: offset + at }],
    offset: offset + at + record.bytes,
    damagedBytes: at,
    tornBytes: 0,
  }
}

/** The record that begins there. @throws Error when it cannot be read any more */
export function readRecordAt(path: string, offset: number): SpoolRecord {
  const fd = openSync(path, 'r')
  try {
    const head = readBytes(fd, offset, HEAD_BYTES)
    const record = readRecord(readBytes(fd, offset, HEAD_BYTES + head.readUInt32LE(0)), 0)
    if (typeof record === 'string') throw new Error(`the record at ${offset} of ${path} is ${record}`)
    return record
  } finally {
    closeSync(fd)
  }
}

function readBytes(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const read = readSync(fd, buffer, filled, length - filled, offset + filled)
    if (read === 0) break
    filled += read
  }
  return buffer.subarray(0, filled)
}
