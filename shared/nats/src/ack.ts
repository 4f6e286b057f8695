import type { StoredAt } from './backlog.ts'

const ACK_PREFIX = 123 // '{'
const STREAM = 115 // 's', as in '{"stream"'
const ZERO = 48
const NINE = 57

/** The place of a message for which nobody asks. */
export const PLAIN: StoredAt = Object.freeze({ stream: '', sequence: 0, duplicate: false })

/**
 * True for `{"stream":"…", "seq":123}`, seen by two of its bytes: a refusal begins with `{"error"`, a copy's
 * acknowledgement ends with `"duplicate": true}`. Nobody asks for the place of most messages.
 */
export function isPlain(bytes: Uint8Array, from: number, to: number): boolean {
  const last = bytes[to - 2]!
  return bytes[from + 2] === STREAM && last >= ZERO && last <= NINE
}

interface Ack {
  stream?: string
  seq?: number
  duplicate?: boolean
  error?: { description?: string; err_code?: number }
}

/** Reads JetStream's acknowledgement of a publish. */
export function readAck(body: Uint8Array): StoredAt | { fault: string } {
  // No stream takes this subject, or JetStream is away: status 503 and no body.
  if (body.length === 0 || body[0] !== ACK_PREFIX) return { fault: 'no stream answered' }
  const ack = JSON.parse(Buffer.from(body).toString('utf8')) as Ack
  if (ack.error || ack.stream === undefined || ack.seq === undefined) {
    return {
      fault: `${ack.error?.description ?? 'unreadable acknowledgement'} (${ack.error?.err_code ?? 0})`,
    }
  }
  return { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate === true }
}
