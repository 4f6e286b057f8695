import { FLAG, HEADER_BYTES, RCODE, TYPE } from './codes.ts'
import { type Edns, findOpt, keepDo, optBytes, QUERY_PADDING_BYTES, readEdns, writeOpt } from './edns.ts'
import { lowerName, type Malformed, readMessage, type WireMessage } from './wire.ts'

/** The parts of a query that every reply to it repeats. */
export interface Asker {
  readonly id: number
  /** Header flags as they came. */
  readonly flags: number
  /** The question as it came, in its own spelling (0x20); empty where it cannot be echoed. */
  readonly question: Buffer
  /** Undefined where the query had no OPT record: then the reply has none (RFC 6891 section 7). */
  readonly edns: Edns | undefined
}

export interface DnsQuery extends Asker {
  readonly type: number
  readonly class: number
  /** The question's name in wire format and lower case, as a binary string: a map key. */
  readonly name: string
  /** Cache key of the exact question with its flags and options. */
  readonly key: string
  /** What goes upstream, without padding: ID 0, lower case, one-hop options off. Equal queries have equal bytes. */
  readonly forward: Buffer
}

/** A query that is answered with an error at once, with HTTP status 200 (RFC 8484 section 4.2.1). */
export interface RefusedQuery {
  readonly asker: Asker
  readonly rcode: number
}

export type QueryReading = DnsQuery | RefusedQuery | Malformed

/**
 * Reads a query. Bytes that are no DNS message are {@link Malformed} (HTTP 400); a sound message that asks for
 * something we may not answer is a {@link RefusedQuery}.
 */
export function readQuery(bytes: Buffer): QueryReading {
  if (bytes.length < HEADER_BYTES) return { fault: 'shorter than a DNS header' }
  const id = bytes.readUInt16BE(0)
  const flags = bytes.readUInt16BE(2)
  if ((flags & FLAG.qr) !== 0) return { fault: 'a response, not a query' }
  const header: Asker = { id, flags, question: bytes.subarray(0, 0), edns: undefined }
  // Other opcodes may frame their bodies differently (RFC 8490), so these are not walked.
  if ((flags & FLAG.opcode) !== 0) return { asker: header, rcode: RCODE.notImp }
  const message = readMessage(bytes)
  if ('fault' in message) return message

  const opt = findOpt(message)
  const edns = opt === undefined || opt === 'broken' ? undefined : readEdns(bytes, opt)
  // RFC 9619 section 4: exactly one question. None at all is sound too (RFC 7873), but asks for nothing we have.
  const only = message.questions.length === 1 ? message.questions[0] : undefined
  const question = only === undefined ? header.question : bytes.subarray(only.start, only.end)
  const asker: Asker = { id, flags, question, edns }
  if (opt === 'broken' || (opt !== undefined && edns === undefined)) return { asker, rcode: RCODE.formErr }
  if (edns !== undefined && edns.version > 0) return { asker, rcode: RCODE.badVers }
  if (only === undefined) return { asker, rcode: RCODE.formErr }
  // Transfers need a stream of messages; nothing else in a query may carry records (TSIG would break on the way).
  if (only.type === TYPE.axfr || only.type === TYPE.ixfr) return { asker, rcode: RCODE.refused }
  if (hasForeignRecords(message) || only.type === TYPE.opt) return { asker, rcode: RCODE.formErr }
  return accept(asker, only.type, only.class)
}

function hasForeignRecords(message: WireMessage): boolean {
  return message.records.some(record => record.type !== TYPE.opt)
}

function accept(asker: Asker, type: number, questionClass: number): DnsQuery {
  const { question, edns } = asker
  const fields = edns && { extendedRcode: 0, flags: keepDo(edns.flags), options: edns.options }
  const bodyBytes = HEADER_BYTES + question.length
  const opt = fields === undefined ? 0 : optBytes(bodyBytes, fields)
  const forward = Buffer.alloc(bodyBytes + opt)
  forward.writeUInt16BE(asker.flags & (FLAG.rd | FLAG.ad | FLAG.cd), 2)
  forward.writeUInt16BE(1, 4)
  question.copy(forward, HEADER_BYTES)
  lowerName(forward, HEADER_BYTES, bodyBytes - 4)
  if (fields !== undefined) {
    forward.writeUInt16BE(1, 10)
    writeOpt(forward, bodyBytes, opt, fields)
  }
  const key = forward.toString('latin1')
  const name = key.slice(HEADER_BYTES, bodyBytes - 4)
  return { id: asker.id, flags: asker.flags, question, edns, type, class: questionClass, name, key, forward }
}

/** The upstream form of a query, padded anew where the client's was (RFC 8467 section 4.1). */
export function padForward(query: DnsQuery): Buffer {
  const { edns, forward, question } = query
  if (edns === undefined || !edns.isPadded) return forward
  const fields = {
    extendedRcode: 0,
    flags: keepDo(edns.flags),
    options: edns.options,
    padToBytes: QUERY_PADDING_BYTES,
  }
  const bodyBytes = HEADER_BYTES + question.length
  const opt = optBytes(bodyBytes, fields)
  const padded = Buffer.alloc(bodyBytes + opt)
  forward.copy(padded, 0, 0, bodyBytes)
  writeOpt(padded, bodyBytes, opt, fields)
  return padded
}

/** Cache key under which an NXDOMAIN stands for every type of a name (RFC 2308 section 5). */
export function nameKey(query: DnsQuery): string {
  const typeAt = HEADER_BYTES + query.name.length
  return `n${query.key.slice(0, typeAt)}${query.key.slice(typeAt + 2)}`
}

/** The name as text in the client's spelling; undefined where a label holds more than host name characters. */
export function hostName(query: Asker): string | undefined {
  const labels: string[] = []
  let offset = 0
  for (let length = query.question[offset]!; length > 0; length = query.question[offset]!) {
    const label = query.question.toString('latin1', offset + 1, offset + 1 + length)
    if (!/^[A-Za-z0-9_-]+$/.test(label)) return undefined
    labels.push(label)
    offset += length + 1
  }
  return labels.length === 0 ? undefined : labels.join('.')
}
