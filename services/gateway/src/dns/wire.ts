import { CLASS_IN, HEADER_BYTES, TYPE } from './codes.ts'

const NAME_BYTES_MAX = 255
const POINTER = 0xc0

/** 1 answer, 2 authority, 3 additional. */
export type Section = 1 | 2 | 3

/** Where a record lies: offsets from the first byte of its message. */
export interface WireRecord {
  readonly section: Section
  readonly start: number
  /** End of the owner name: type, class, TTL and length follow. */
  readonly nameEnd: number
  readonly type: number
  readonly class: number
  /** Seconds, as an unsigned number. */
  readonly ttl: number
  readonly dataStart: number
  readonly end: number
}

export interface WireQuestion {
  readonly start: number
  readonly end: number
  readonly type: number
  readonly class: number
}

/** The outline of a message: nothing is decoded, so that what the gateway does not know passes unharmed. */
export interface WireMessage {
  readonly bytes: Buffer
  readonly flags: number
  readonly questions: readonly WireQuestion[]
  readonly records: readonly WireRecord[]
}

/** Why bytes are no DNS message. */
export interface Malformed {
  readonly fault: string
}

/**
 * Walks a whole message (RFC 1035 section 4.1) and checks its frame: names of at most 255 bytes, labels of at most 63,
 * compression pointers that only lead backwards, lengths that fit, and no byte left over.
 * `dns-packet` is not used here because it decodes names as UTF-8 and drops what it does not know.
 */
export function readMessage(bytes: Buffer): WireMessage | Malformed {
  if (bytes.length < HEADER_BYTES) return { fault: 'shorter than a DNS header' }
  const questions: WireQuestion[] = []
  const records: WireRecord[] = []
  let offset = HEADER_BYTES
  for (let left = bytes.readUInt16BE(4); left > 0; left--) {
    const fixed = nameEnd(bytes, offset)
    const end = fixed + 4
    if (fixed < 0 || end > bytes.length) return { fault: 'a question does not fit or has a bad name' }
    questions.push({
      start: offset,
      end,
      type: bytes.readUInt16BE(end - 4),
      class: bytes.readUInt16BE(end - 2),
    })
    offset = end
  }
  for (const section of [1, 2, 3] as const) {
    for (let left = bytes.readUInt16BE(4 + 2 * section); left > 0; left--) {
      const record = readRecord(bytes, offset, section)
      if (record === undefined) return { fault: 'a record does not fit or has a bad name' }
      records.push(record)
      offset = record.end
    }
  }
  if (offset !== bytes.length) return { fault: 'bytes after the message' }
  return { bytes, flags: bytes.readUInt16BE(2), questions, records }
}

function readRecord(bytes: Buffer, start: number, section: Section): WireRecord | undefined {
  const fixed = nameEnd(bytes, start)
  if (fixed < 0 || fixed + 10 > bytes.length) return undefined
  const dataStart = fixed + 10
  const end = dataStart + bytes.readUInt16BE(fixed + 8)
  if (end > bytes.length) return undefined
  const type = bytes.readUInt16BE(fixed)
  const recordClass = bytes.readUInt16BE(fixed + 2)
  if (recordClass === CLASS_IN && !isDataSound(bytes, type, dataStart, end)) return undefined
  return {
    section,
    start,
    nameEnd: fixed,
    type,
    class: recordClass,
    ttl: bytes.readUInt32BE(fixed + 4),
    dataStart,
    end,
  }
}

/** Bytes before the names, number of names, bytes after them. */
const DATA_LAYOUT: ReadonlyMap<number, readonly [before: number, names: number, after: number]> = new Map([
  [TYPE.a, [4, 0, 0]],
  [TYPE.aaaa, [16, 0, 0]],
  [TYPE.ns, [0, 1, 0]],
  [TYPE.cname, [0, 1, 0]],
  [TYPE.ptr, [0, 1, 0]],
  [TYPE.dname, [0, 1, 0]],
  [TYPE.mx, [2, 1, 0]],
  [TYPE.srv, [6, 1, 0]],
  [TYPE.soa, [0, 2, 20]],
])

/** Names inside the data of the usual types must be sound as well: a client follows them. */
function isDataSound(bytes: Buffer, type: number, start: number, end: number): boolean {
  const layout = DATA_LAYOUT.get(type)
  if (layout === undefined) return true
  let offset = start + layout[0]
  for (let left = layout[1]; left > 0; left--) {
    if (offset >= end) return false
    offset = nameEnd(bytes, offset)
    if (offset < 0 || offset > end) return false
  }
  return offset + layout[2] === end
}

/** The offset after the name at `start`, or −1 where there is no sound name. */
export function nameEnd(bytes: Buffer, start: number): number {
  let offset = start
  let segment = start
  let length = 1
  let end = -1
  while (offset < bytes.length) {
    const head = bytes[offset]!
    if (head === 0) return end < 0 ? offset + 1 : end
    if (head < POINTER) {
      length += head + 1
      if (head > 63 || length > NAME_BYTES_MAX) return -1
      offset += head + 1
      continue
    }
    if (offset + 1 >= bytes.length) return -1
    const target = ((head & 0x3f) << 8) | bytes[offset + 1]!
    // Each jump leads strictly backwards, so a loop cannot be made (RFC 1035 section 4.1.4).
    if (target >= segment || target < HEADER_BYTES) return -1
    if (end < 0) end = offset + 2
    segment = target
    offset = target
  }
  return -1
}

/** Puts an uncompressed name in lower case, ASCII only (RFC 4343); label lengths are all below 'A'. */
export function lowerName(bytes: Buffer, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte >= 0x41 && byte <= 0x5a) bytes[i] = byte | 0x20
  }
}
