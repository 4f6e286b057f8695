import { type EXTENDED_ERROR, FLAG, HEADER_BYTES, MESSAGE_BYTES_MAX, RCODE } from './codes.ts'
import { extendedError, keepDo, optBytes, REPLY_PADDING_BYTES, writeOpt } from './edns.ts'
import type { Asker } from './query.ts'

/** What a query gets: a DNS message and how long HTTP caches may keep it (RFC 8484 section 5.1). */
export interface DnsReply {
  readonly message: Buffer
  readonly maxAgeSeconds: number
}

/** A reply's message without its OPT record, which is written anew for each asker. */
export interface Body {
  readonly bytes: Buffer
  readonly extendedRcode: number
  /** EDNS flags (DO). */
  readonly ednsFlags: number
  /** EDNS options without one-hop ones. */
  readonly options: Buffer
  /** Offsets of the TTLs that age. */
  readonly ttlOffsets: Uint16Array
}

export interface Ageing {
  /** Seconds to take from each TTL. */
  readonly ageSeconds: number
  /** Every TTL becomes this instead: the answer is stale (RFC 8767 section 4). */
  readonly staleTtlSeconds?: number
  /** An Extended DNS Error, added where the asker speaks EDNS. */
  readonly error?: Buffer | undefined
}

/** An OPT record with the longest explanation we give. */
const OPT_ROOM_BYTES = 128
const NOW: Ageing = { ageSeconds: 0 }
const NO_TTLS = new Uint16Array(0)
const NO_OPTIONS = Buffer.alloc(0)

/**
 * Writes the reply of one asker from a body that many share: its ID, its spelling of the name (0x20), aged TTLs, and an
 * OPT record only where it sent one, padded only where it padded (RFC 6891 section 7, RFC 7830 section 4).
 */
export function writeReply(asker: Asker, body: Body, ageing: Ageing = NOW): Buffer {
  const { edns, question } = asker
  const length = body.bytes.length
  // An explanation gives way where the message would grow too long with it.
  const isRoom = length + body.options.length + OPT_ROOM_BYTES <= MESSAGE_BYTES_MAX
  const fields = edns && {
    extendedRcode: body.extendedRcode,
    flags: body.ednsFlags,
    options: body.options,
    extraOption: isRoom ? ageing.error : undefined,
    padToBytes: edns.isPadded ? REPLY_PADDING_BYTES : undefined,
  }
  const opt = fields === undefined ? 0 : optBytes(length, fields)
  const message = Buffer.allocUnsafe(length + opt)
  body.bytes.copy(message)
  message.writeUInt16BE(asker.id, 0)
  if (message.readUInt16BE(4) === 1) question.copy(message, HEADER_BYTES)
  ageTtls(message, body.ttlOffsets, ageing)
  if (fields !== undefined) {
    message.writeUInt16BE(message.readUInt16BE(10) + 1, 10)
    writeOpt(message, length, opt, fields)
  }
  return message
}

function ageTtls(message: Buffer, offsets: Uint16Array, { ageSeconds, staleTtlSeconds }: Ageing): void {
  if (ageSeconds === 0 && staleTtlSeconds === undefined) return
  for (const offset of offsets) {
    const ttl = staleTtlSeconds ?? Math.max(0, message.readUInt32BE(offset) - ageSeconds)
    message.writeUInt32BE(ttl, offset)
  }
}

/** A body with no records: an error that the gateway itself reports. `isRecursive`: upstreams are configured. */
export function emptyBody(asker: Asker, rcode: number, isRecursive: boolean): Body {
  const bytes = Buffer.alloc(HEADER_BYTES + asker.question.length)
  // RD, CD and the opcode are repeated (RFC 1035 section 4.1.1, RFC 4035 section 3.2.2).
  const retained = asker.flags & (FLAG.rd | FLAG.cd | FLAG.opcode)
  bytes.writeUInt16BE(FLAG.qr | retained | (isRecursive ? FLAG.ra : 0) | (rcode & FLAG.rcode), 2)
  bytes.writeUInt16BE(asker.question.length > 0 ? 1 : 0, 4)
  asker.question.copy(bytes, HEADER_BYTES)
  return {
    bytes,
    extendedRcode: rcode >>> 4,
    ednsFlags: keepDo(asker.edns?.flags ?? 0),
    options: NO_OPTIONS,
    ttlOffsets: NO_TTLS,
  }
}

/** An error reply of our own; never fresh (RFC 8484 section 5.1). */
export function errorReply(
  asker: Asker,
  rcode: number,
  isRecursive: boolean,
  error?: readonly [code: keyof typeof EXTENDED_ERROR, text?: string],
): DnsReply {
  const ageing = { ageSeconds: 0, error: error && extendedError(...error) }
  return { message: writeReply(asker, emptyBody(asker, rcode, isRecursive), ageing), maxAgeSeconds: 0 }
}

export function isFailure(rcode: number): boolean {
  return rcode !== RCODE.noError && rcode !== RCODE.nxDomain
}
