const SPACE = 32
const CR = 13
const ZERO = 48
const NINE = 57
/** What begins here is cut off by the end of the bytes. */
const CUT = -1

/** The client library's own reader of one connection. */
export interface MessageParser {
  isBetweenMessages(): boolean
  parse(bytes: Uint8Array): void
}

/** Is told a token, and from where to where in the bytes the body of its acknowledgement stands. */
export type OnAck = (token: number, bytes: Buffer, from: number, to: number) => void

/**
 * Reads acknowledgements (`MSG <inbox>.<token> <sid> <bytes>`, docs.nats.io "Client Protocol") out of what a connection
 * brings, and leaves the rest to the client library. That makes eight objects of each, and there are as many as events.
 */
export class AckReader {
  readonly #head: Buffer
  readonly #others: MessageParser
  readonly #onAck: OnAck
  readonly #onRead: () => void
  /** The beginning of an acknowledgement whose end has not come. */
  #rest: Buffer | undefined

  /**
   * @param inbox  acknowledgements come to `<inbox>.<token>`
   * @param onRead is called when all that was to be read of some bytes is
   */
  constructor(inbox: string, others: MessageParser, onAck: OnAck, onRead: () => void) {
    this.#head = Buffer.from(`MSG ${inbox}.`)
    this.#others = others
    this.#onAck = onAck
    this.#onRead = onRead
  }

  /** Takes what the connection has brought. */
  read(brought: Uint8Array): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, brought]) : bufferOf(brought)
    this.#rest = undefined
    for (let at = 0; at < bytes.length; ) {
      const end = this.#others.isBetweenMessages() ? this.#readOne(bytes, at) : at
      if (end === CUT) {
        this.#rest = Buffer.from(bytes.subarray(at))
        break
      }
      at = end > at ? end : this.#leave(bytes, at)
    }
    this.#onRead()
  }

  /** The client's own, up to where an acknowledgement may begin again. */
  #leave(bytes: Buffer, at: number): number {
    const next = bytes.indexOf(this.#head, at + 1)
    const end = next === -1 ? bytes.length : next
    this.#others.parse(bytes.subarray(at, end))
    return end
  }

  /** @returns the end of the acknowledgement that begins at `at`; `at` itself where none does */
  #readOne(bytes: Buffer, at: number): number {
    const head = this.#head
    const { length } = bytes
    for (let i = 0; i < head.length; i++) {
      if (at + i === length) return CUT
      if (bytes[at + i] !== head[i]) return at
    }
    const tokenEnd = digitsEnd(bytes, at + head.length)
    const sidEnd = digitsEnd(bytes, tokenEnd + 1)
    // nats-server leaves two spaces where a subject for answers would stand.
    const sizeStart = bytes[sidEnd + 1] === SPACE ? sidEnd + 2 : sidEnd + 1
    const sizeEnd = digitsEnd(bytes, sizeStart)
    if (sizeEnd >= length) return CUT
    if (bytes[tokenEnd] !== SPACE || bytes[sidEnd] !== SPACE || bytes[sizeEnd] !== CR) return at
    const from = sizeEnd + 2
    const to = from + numberIn(bytes, sizeStart, sizeEnd)
    if (to + 2 > length) return CUT
    this.#onAck(numberIn(bytes, at + head.length, tokenEnd), bytes, from, to)
    return to + 2
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function digitsEnd(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at]! >= ZERO && bytes[at]! <= NINE) at++
  return at
}

function numberIn(bytes: Buffer, from: number, to: number): number {
  let number = 0
  for (let at = from; at < to; at++) number = number * 10 + bytes[at]! - ZERO
  return number
}
