import { EXTENDED_ERROR, MESSAGE_BYTES_MAX, OPTION, TYPE } from './codes.ts'
import type { WireMessage, WireRecord } from './wire.ts'

/** What an OPT record says (RFC 6891 section 6.1). */
export interface Edns {
  readonly version: number
  readonly extendedRcode: number
  /** The DO bit and the 15 bits beside it. */
  readonly flags: number
  /** The options without those that concern one hop only, as they came. */
  readonly options: Buffer
  readonly isPadded: boolean
}

/** Bytes of an OPT record without options. */
const OPT_BYTES = 11
/** RFC 8484 section 6: without meaning over HTTPS. One value for all keeps one cache entry for all. */
const PAYLOAD_BYTES = 4_096
const DO_BIT = 0x80_00
/** Block lengths of RFC 8467 section 4.1. */
export const QUERY_PADDING_BYTES = 128
export const REPLY_PADDING_BYTES = 468

const ONE_HOP_OPTIONS: ReadonlySet<number> = new Set([
  OPTION.clientSubnet,
  OPTION.cookie,
  OPTION.tcpKeepalive,
  OPTION.padding,
])

/** The OPT record of a message; `'broken'` where there are two, one in a wrong place or one that does not parse. */
export function findOpt(message: WireMessage): WireRecord | 'broken' | undefined {
  let found: WireRecord | undefined
  for (const record of message.records) {
    if (record.type !== TYPE.opt) continue
    const isRoot = record.nameEnd === record.start + 1
    if (found !== undefined || record.section !== 3 || !isRoot) return 'broken'
    found = record
  }
  return found
}

/** Reads an OPT record; undefined where its options do not fit. Unknown options are kept (RFC 6891 section 6.1.2). */
export function readEdns(bytes: Buffer, opt: WireRecord): Edns | undefined {
  const retained: Buffer[] = []
  let isPadded = false
  let offset = opt.dataStart
  while (offset < opt.end) {
    if (offset + 4 > opt.end) return undefined
    const code = bytes.readUInt16BE(offset)
    const end = offset + 4 + bytes.readUInt16BE(offset + 2)
    if (end > opt.end) return undefined
    if (!ONE_HOP_OPTIONS.has(code)) retained.push(bytes.subarray(offset, end))
    else if (code === OPTION.padding) isPadded = true
    offset = end
  }
  return {
    version: (opt.ttl >>> 16) & 0xff,
    extendedRcode: opt.ttl >>> 24,
    flags: opt.ttl & 0xffff,
    options: retained.length === 0 ? EMPTY : Buffer.concat(retained),
    isPadded,
  }
}

const EMPTY = Buffer.alloc(0)

export interface OptFields {
  readonly extendedRcode: number
  readonly flags: number
  readonly options: Buffer
  readonly extraOption?: Buffer | undefined
  /** Pads the message to a multiple of this many bytes (RFC 7830). */
  readonly padToBytes?: number | undefined
}

/** Bytes that an OPT record adds to a message of `length` bytes; padding stops at the longest message. */
export function optBytes(length: number, fields: OptFields): number {
  const bare = OPT_BYTES + fields.options.length + (fields.extraOption?.length ?? 0)
  if (fields.padToBytes === undefined) return bare
  const total = length + bare + 4
  if (total > MESSAGE_BYTES_MAX) return bare
  const padded = Math.ceil(total / fields.padToBytes) * fields.padToBytes
  return bare + 4 + Math.min(padded, MESSAGE_BYTES_MAX) - total
}

/** Writes an OPT record of exactly `byteCount` bytes (see {@link optBytes}): what the options leave is padding. */
export function writeOpt(target: Buffer, offset: number, byteCount: number, fields: OptFields): void {
  target[offset] = 0
  target.writeUInt16BE(TYPE.opt, offset + 1)
  target.writeUInt16BE(PAYLOAD_BYTES, offset + 3)
  target[offset + 5] = fields.extendedRcode
  target[offset + 6] = 0
  target.writeUInt16BE(fields.flags, offset + 7)
  target.writeUInt16BE(byteCount - OPT_BYTES, offset + 9)
  let at = offset + OPT_BYTES
  at += fields.options.copy(target, at)
  if (fields.extraOption !== undefined) at += fields.extraOption.copy(target, at)
  const left = offset + byteCount - at
  if (left === 0) return
  target.writeUInt16BE(OPTION.padding, at)
  target.writeUInt16BE(left - 4, at + 2)
  target.fill(0, at + 4, offset + byteCount)
}

/** An Extended DNS Error option (RFC 8914 section 2); the text is for people and must tell nothing private. */
export function extendedError(code: keyof typeof EXTENDED_ERROR, text = ''): Buffer {
  const option = Buffer.alloc(6 + Buffer.byteLength(text))
  option.writeUInt16BE(OPTION.extendedError, 0)
  option.writeUInt16BE(option.length - 4, 2)
  option.writeUInt16BE(EXTENDED_ERROR[code], 4)
  option.write(text, 6)
  return option
}

/** Of the EDNS flags only DO is defined (RFC 3225); the rest must be zero in what we send. */
export function keepDo(flags: number): number {
  return flags & DO_BIT
}
