const SSL_REQUEST = 80_877_103
const GSS_REQUEST = 80_877_104
const CANCEL_REQUEST = 80_877_102
const PROTOCOL_MAJOR = 3
const MAX_MESSAGE_BYTES = 512 * 1024 ** 2
/** Before anybody has logged in: PostgreSQL's own bound on a startup packet. */
const MAX_STARTUP_BYTES = 10_000
export const HEADER_BYTES = 5
const STARTUP_HEADER_BYTES = 8

const QUERY = 'Q'.charCodeAt(0)
const SYNC = 'S'.charCodeAt(0)
const FLUSH = 'H'.charCodeAt(0)
const TERMINATE = 'X'.charCodeAt(0)
const PASSWORD = 'p'.charCodeAt(0)

/** Messages that PGlite must work off in one go. `ends` is false after a Flush: more of the same turn follows. */
export type Unit =
  | { readonly kind: 'startup'; readonly bytes: Buffer; readonly database: string; readonly user: string }
  | { readonly kind: 'turn'; readonly bytes: Buffer; readonly ends: boolean }
export type Read =
  | Unit
  | { readonly kind: 'refuse_encryption' }
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'end' }

/** Cuts one connection's bytes into units (PostgreSQL documentation, "Message Formats"). */
export class MessageReader {
  #chunks: Buffer[] = []
  #length = 0
  #needed = STARTUP_HEADER_BYTES
  #started = false
  /** Whole messages at the front of the buffer that wait for their Sync. */
  #collected = 0
  #maxMessageBytes = MAX_STARTUP_BYTES

  /** For a client that has logged in. */
  allowLargeMessages(): void {
    this.#maxMessageBytes = MAX_MESSAGE_BYTES
  }

  /**
   * Bytes are joined only when enough have come for the message that is under way.
   * @throws RangeError for a message that is longer than its limit: the connection cannot be read on
   */
  read(chunk: Buffer): Read[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return []
    const buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    const found: Read[] = []
    let begin = 0
    let at = this.#collected
    for (;;) {
      const size = this.#messageSize(buffer, at)
      this.#needed = at - begin + (size ?? (this.#started ? HEADER_BYTES : STARTUP_HEADER_BYTES))
      if (size === undefined || buffer.length < at + size) break
      at += size
      const read = this.#started ? endOfTurn(buffer, begin, at - size, at) : this.#startup(buffer, begin, at)
      if (read === undefined) continue
      begin = at
      found.push(read)
    }
    this.#collected = at - begin
    this.#length = buffer.length - begin
    this.#chunks = [buffer.subarray(begin)]
    return found
  }

  #messageSize(buffer: Buffer, at: number): number | undefined {
    const lengthAt = this.#started ? at + 1 : at
    if (buffer.length < lengthAt + 4) return undefined
    const size = buffer.readInt32BE(lengthAt) + (this.#started ? 1 : 0)
    const minBytes = this.#started ? HEADER_BYTES : STARTUP_HEADER_BYTES
    if (size < minBytes || size > this.#maxMessageBytes) throw new RangeError(`message of ${size} bytes`)
    return size
  }

  #startup(buffer: Buffer, begin: number, end: number): Read {
    const bytes = buffer.subarray(begin, end)
    const code = bytes.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) return { kind: 'refuse_encryption' }
    if (code === CANCEL_REQUEST || code >>> 16 !== PROTOCOL_MAJOR) return { kind: 'end' }
    this.#started = true
    const fields = bytes.toString('utf8', 8).split('\0')
    const named = (name: string) => fields.find((_, i) => i % 2 === 1 && fields[i - 1] === name)
    const user = named('user') ?? ''
    return { kind: 'startup', bytes, database: named('database') ?? user, user }
  }
}

function endOfTurn(buffer: Buffer, begin: number, last: number, end: number): Read | undefined {
  const type = buffer[last]
  if (type === TERMINATE) return { kind: 'end' }
  if (type === PASSWORD) {
    return { kind: 'password', password: buffer.toString('utf8', last + HEADER_BYTES, end - 1) }
  }
  if (type !== QUERY && type !== SYNC && type !== FLUSH) return undefined
  return { kind: 'turn', bytes: buffer.subarray(begin, end), ends: type !== FLUSH }
}

export function errorResponse(severity: string, code: string, message: string): Buffer {
  const fields = Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${message}\0\0`)
  const header = Buffer.alloc(HEADER_BYTES, 'E')
  header.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([header, fields])
}

/** AuthenticationCleartextPassword: the server listens on loopback alone. */
export const ASK_PASSWORD = Buffer.from('R\0\0\0\x08\0\0\0\x03', 'latin1')

/** One simple query. */
export function queryMessage(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`)
  const header = Buffer.alloc(HEADER_BYTES, QUERY)
  header.writeInt32BE(text.length + 4, 1)
  return Buffer.concat([header, text])
}

/** A startup packet without any setting of a client's. */
export function startupMessage(user: string, database: string): Buffer {
  const fields = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const header = Buffer.alloc(STARTUP_HEADER_BYTES)
  header.writeInt32BE(fields.length + STARTUP_HEADER_BYTES, 0)
  header.writeInt32BE(PROTOCOL_MAJOR << 16, 4)
  return Buffer.concat([header, fields])
}
