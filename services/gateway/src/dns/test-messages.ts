import assert from 'node:assert/strict'
import * as packet from 'dns-packet'
import type { DnsResolver } from './resolve.ts'

export const SOA = {
  mname: 'ns.test',
  rname: 'admin.test',
  serial: 1,
  refresh: 1,
  retry: 1,
  expire: 1,
  minimum: 60,
}

/** Authority section of a denial: the SOA lives for an hour, a denial for a minute. */
export const DENIAL: packet.Answer[] = [{ type: 'SOA', name: 'test', ttl: 3_600, data: SOA }]

interface OptParts {
  version?: number
  dnssec?: boolean
  /** In wire format. */
  options?: Buffer
}

/** An OPT record in wire format: dns-packet cannot write options that it does not know. */
export function opt({ version = 0, dnssec = false, options = Buffer.alloc(0) }: OptParts = {}): Buffer {
  const fixed = Buffer.from([0, 0, 41, 2, 0, 0, version, dnssec ? 0x80 : 0, 0, 0, 0])
  fixed.writeUInt16BE(options.length, 9)
  return Buffer.concat([fixed, options])
}

/** An EDNS option in wire format. */
export function option(code: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code, 0)
  head.writeUInt16BE(data.length, 2)
  return Buffer.concat([head, data])
}

export function query(
  name: string,
  type: packet.RecordType = 'A',
  opts: readonly Buffer[] = [],
  flags = packet.RECURSION_DESIRED,
): Buffer {
  const bytes = Buffer.concat([packet.encode({ type: 'query', flags, questions: [{ type, name }] }), ...opts])
  bytes.writeUInt16BE(opts.length, 10)
  return bytes
}

export function rcode(message: Buffer): number {
  return message.readUInt16BE(2) & 15
}

export type Reply = packet.DecodedPacket & {
  readonly message: Buffer
  readonly maxAgeSeconds: number
  readonly code: number
}

/** Resolves a query and decodes what comes. */
export async function ask(resolver: DnsResolver, bytes: Buffer): Promise<Reply> {
  const reply = await resolver.resolve(bytes)
  assert.ok('message' in reply, 'a DNS message')
  return { ...packet.decode(reply.message), ...reply, code: rcode(reply.message) }
}

/** The EDNS options of a message; undefined where it has no OPT record. */
export function optionsOf(message: Buffer): { code: number; data: Buffer }[] | undefined {
  const found = packet.decode(message).additionals?.filter(record => record.type === 'OPT') ?? []
  assert.ok(found.length < 2, 'at most one OPT')
  return found[0]?.options.map(one => ({
    code: one.code as number,
    data: ('data' in one && one.data) || Buffer.alloc(0),
  }))
}

/** Codes of the Extended DNS Errors (RFC 8914). */
export function extendedErrors(message: Buffer): number[] {
  return (optionsOf(message) ?? []).filter(({ code }) => code === 15).map(({ data }) => data.readUInt16BE(0))
}

export function ttls({ answers }: { answers?: packet.Answer[] | undefined }): (number | undefined)[] {
  return (answers ?? []).map(answer => ('ttl' in answer ? answer.ttl : undefined))
}
