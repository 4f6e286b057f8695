import { FLAG, HEADER_BYTES, RCODE, TYPE } from './codes.ts'
import { findOpt, keepDo, readEdns } from './edns.ts'
import type { Body } from './reply.ts'
import { lowerName, type Malformed, readMessage, type WireMessage, type WireRecord } from './wire.ts'

/** RFC 2181 section 8; larger values count as this (RFC 8767 section 4). */
const TTL_SECONDS_MAX = 2 ** 31 - 1
/** Two root names and five numbers. */
const SOA_DATA_BYTES_MIN = 22

/** An upstream's answer, ready to be stored and written for many askers. */
export interface Answer extends Body {
  readonly rcode: number
  /**
   * Seconds that it stays fresh: the smallest TTL among its answers; for a negative answer also the SOA's TTL or MINIMUM,
   * the smaller (RFC 2308 section 5). 0: not to be stored.
   */
  readonly freshSeconds: number
  readonly isNegative: boolean
  /** An NXDOMAIN of the asked name itself, not of an alias's target: it stands for every type. */
  readonly isNameAbsent: boolean
}

/**
 * Checks what an upstream sent against the query that went to it, and takes it apart without decoding records.
 * `ageSeconds` is the HTTP `Age` of the response, to be taken from every TTL (RFC 8484 section 5.1).
 */
export function readAnswer(bytes: Buffer, forward: Buffer, ageSeconds: number): Answer | Malformed {
  const message = readMessage(bytes)
  if ('fault' in message) return message
  const { flags } = message
  if ((flags & FLAG.qr) === 0) return { fault: 'not a response' }
  if ((flags & FLAG.opcode) !== 0) return { fault: 'another opcode' }
  if (bytes.readUInt16BE(0) !== forward.readUInt16BE(0)) return { fault: 'another ID' }
  if (!isSameQuestion(message, forward)) return { fault: 'another question' }
  const opt = findOpt(message)
  const edns = opt === undefined || opt === 'broken' ? undefined : readEdns(bytes, opt)
  if (opt === 'broken' || (opt !== undefined && edns === undefined)) return { fault: 'a broken OPT record' }

  const rcode = ((edns?.extendedRcode ?? 0) << 4) | (flags & FLAG.rcode)
  const records = opt === undefined ? message.records : relocatable(bytes, message.records, opt)
  const body = withoutOpt(bytes, records, opt)
  const ttlOffsets = setTtls(body, records, opt, ageSeconds)
  const type = message.questions[0]!.type
  const answers = records.filter(record => record.section === 1)
  const isNegative = rcode === RCODE.nxDomain || !answers.some(record => record.type === type)
  const isCacheable = (rcode === RCODE.noError || rcode === RCODE.nxDomain) && (flags & FLAG.tc) === 0
  return {
    bytes: body,
    extendedRcode: edns?.extendedRcode ?? 0,
    ednsFlags: keepDo(edns?.flags ?? 0),
    options: edns?.options ?? Buffer.alloc(0),
    ttlOffsets,
    rcode,
    freshSeconds: isCacheable ? freshness(body, records, ttlOffsets) : 0,
    isNegative,
    isNameAbsent: rcode === RCODE.nxDomain && answers.length === 0,
  }
}

/** The same name in any case, type and class (RFC 1035 section 7.3). */
function isSameQuestion(message: WireMessage, forward: Buffer): boolean {
  const question = message.questions[0]
  if (question === undefined || message.questions.length !== 1) return false
  const echoed = Buffer.from(message.bytes.subarray(question.start, question.end))
  lowerName(echoed, 0, echoed.length - 4)
  return echoed.equals(forward.subarray(HEADER_BYTES, HEADER_BYTES + echoed.length))
}

/** Types whose data may hold compressed names (RFC 3597 section 4), which would break if they moved. */
const MAY_HOLD_POINTERS: ReadonlySet<number> = new Set([
  2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 17, 18, 21, 24, 26, 30, 33, 35, 36, 39,
])

/**
 * The records without OPT. Those behind it move forward, so a name there may not point behind it: additional data
 * that might is left out, which a server is free to do (RFC 2181 section 9).
 */
function relocatable(bytes: Buffer, records: readonly WireRecord[], opt: WireRecord): WireRecord[] {
  return records.filter(record => {
    if (record === opt) return false
    if (record.start < opt.start) return true
    return !MAY_HOLD_POINTERS.has(record.type) && ownerPointer(bytes, record) < opt.start
  })
}

/** Where the pointer leads that ends an owner name; what only looks like a pointer is harmless to take for one. */
function ownerPointer(bytes: Buffer, record: WireRecord): number {
  const tail = bytes.readUInt16BE(record.nameEnd - 2)
  return tail >= 0xc0_00 ? tail & 0x3f_ff : 0
}

function withoutOpt(bytes: Buffer, records: readonly WireRecord[], opt: WireRecord | undefined): Buffer {
  const parts = [bytes.subarray(0, opt?.start ?? bytes.length)]
  let additionals = 0
  for (const record of records) {
    if (record.section === 3) additionals++
    if (opt !== undefined && record.start > opt.start) parts.push(bytes.subarray(record.start, record.end))
  }
  const body = Buffer.concat(parts)
  body.writeUInt16BE(0, 0)
  body.writeUInt16BE(additionals, 10)
  return body
}

/** Writes clamped TTLs into the body and returns where they are. */
function setTtls(
  body: Buffer,
  records: readonly WireRecord[],
  opt: WireRecord | undefined,
  ageSeconds: number,
): Uint16Array {
  const offsets = new Uint16Array(records.length)
  // Records behind OPT stand one after the other from where it stood.
  let moved = opt?.start ?? body.length
  records.forEach((record, index) => {
    const isMoved = opt !== undefined && record.start > opt.start
    const start = isMoved ? moved : record.start
    if (isMoved) moved += record.end - record.start
    const at = start + (record.nameEnd - record.start) + 4
    const minimum = isNegativeSoa(record) ? body.readUInt32BE(at + 2 + dataBytes(record)) : TTL_SECONDS_MAX
    const ttl = Math.min(record.ttl, TTL_SECONDS_MAX, minimum)
    body.writeUInt32BE(Math.max(0, ttl - ageSeconds), at)
    offsets[index] = at
  })
  return offsets
}

/** The SOA that bounds how long a denial may be kept; MINIMUM is the last field of its data (RFC 2308 section 4). */
function isNegativeSoa(record: WireRecord): boolean {
  return record.section === 2 && record.type === TYPE.soa && dataBytes(record) >= SOA_DATA_BYTES_MIN
}

function dataBytes(record: WireRecord): number {
  return record.end - record.dataStart
}

function freshness(body: Buffer, records: readonly WireRecord[], ttlOffsets: Uint16Array): number {
  let seconds = Number.POSITIVE_INFINITY
  records.forEach((record, index) => {
    if (record.section === 1 || isNegativeSoa(record))
      seconds = Math.min(seconds, body.readUInt32BE(ttlOffsets[index]!))
  })
  return Number.isFinite(seconds) ? seconds : 0
}
