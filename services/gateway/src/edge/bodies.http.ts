import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { SlotList } from '@fluxgate/runtime'
import { type Refusal, tooLarge } from '../http/index.ts'
import type { EdgeLimits } from './edge-limits.ts'

/** What one request's body occupies, from its first byte until its answer is sent. */
export interface BodyShare {
  bytes: number
  /** False until a key was accepted: callers without one have a quarter of the room. */
  isKnown: boolean
}

type Done = (body: Buffer | Refusal) => void

interface Reading {
  readonly startedMs: number
  readonly fail: (refusal: Refusal) => void
}

/** What HTTP/1.1 hands over before anybody reads: Node's buffer of a request. */
const HTTP1_WINDOW_BYTES = 64 * 1024
/** What a waiting request costs without any body: its head, and the objects around it. */
const REQUEST_BYTES = 16 * 1024
/** The part of the room that callers without an accepted key can fill. */
const STRANGERS_SHARE = 0.25
const FIRST_BUFFER_BYTES = 16 * 1024
/** A body in pieces of a few bytes costs a callback for each: beyond this many pieces they must be larger. */
const MANY_PIECES = 4_096
const MIN_PIECE_BYTES = 64

const SLOW: Refusal = Object.freeze({
  reason: 'timeout',
  code: 'request_timeout',
  message: 'The request body did not arrive in time.',
})
const SHREDDED: Refusal = Object.freeze({
  reason: 'invalid_request',
  code: 'body_in_tiny_pieces',
  message: 'The request body is split into too many small pieces.',
})
const BROKEN: Refusal = Object.freeze({
  reason: 'invalid_request',
  code: 'invalid_body',
  message: 'The request body ended early.',
})
const NO_BODY = Buffer.alloc(0)
export const NO_CAPACITY: Refusal = Object.freeze({
  reason: 'overloaded',
  code: 'bodies_full',
  message: 'The gateway has no memory for more request bodies. Please try again.',
  retryAfterMs: 2_000,
})

type BodyLimits = Pick<
  EdgeLimits,
  'maxBodyBytes' | 'maxBodiesBytes' | 'streamWindowBytes' | 'requestTimeoutMs' | 'checkEveryMs'
>

/** What is asked of a request whose body is held or read. */
export type BodyRequest = Readable & Pick<IncomingMessage, 'headers' | 'httpVersionMajor'>

/**
 * Reads request bodies into one buffer each: bounded in size, in time, in pieces, and all together. Every byte counts,
 * also what a client may send before anybody reads (the window of its stream), so that many small bodies are bounded as
 * few large ones are.
 */
export class Bodies implements Disposable {
  readonly #limits: BodyLimits
  readonly #nowMs: () => number
  readonly #reading = new SlotList<Reading>()
  readonly #timer: NodeJS.Timeout
  #buffered = 0
  /** Part of it for callers without an accepted key. */
  #strangers = 0

  constructor(limits: BodyLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits
    this.#nowMs = nowMs
    this.#timer = setInterval(() => this.#failLate(), limits.checkEveryMs)
    this.#timer.unref()
  }

  /** Bytes of all bodies, and of the windows of those that are not read yet. */
  get bufferedBytes(): number {
    return this.#buffered
  }

  release(share: BodyShare): void {
    this.#set(share, 0)
  }

  /**
   * Takes room for what may arrive of a body before it is read.
   * @param most what is read of it at the most  @returns false where there is no room
   */
  takeWindow(request: BodyRequest, share: BodyShare, most = Number.POSITIVE_INFINITY): boolean {
    const window = request.httpVersionMajor === 1 ? HTTP1_WINDOW_BYTES : this.#limits.streamWindowBytes
    const declared = declaredBytes(request)
    const bytes = Number.isNaN(declared) ? (mayHaveBody(request) ? window : 0) : Math.min(declared, window)
    return this.#reserve(share, Math.max(REQUEST_BYTES, Math.min(bytes, most)))
  }

  /** Takes room for a second form of a body that was read, besides the first. @returns false where there is no room */
  takeCopy(share: BodyShare, bytes: number): boolean {
    return this.#reserve(share, share.bytes + bytes)
  }

  /** Reads the body of a caller whose key was accepted. */
  read(stream: BodyRequest, share: BodyShare, done: Done): void {
    const { maxBodyBytes } = this.#limits
    const declared = declaredBytes(stream)
    this.#setKnown(share)
    if (declared > maxBodyBytes) {
      done(tooLarge(maxBodyBytes))
      return
    }
    if (!this.takeWindow(stream, share)) {
      done(NO_CAPACITY)
      return
    }
    let buffer: Buffer | undefined
    let length = 0
    let pieces = 0
    const finish = (body: Buffer | Refusal): void => {
      this.#reading.remove(slot)
      stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
      done(body)
    }
    const fail = (refusal: Refusal): void => {
      // What still comes is dropped.
      stream.on('error', () => {})
      stream.resume()
      finish(refusal)
    }
    const take = (chunk: Buffer): Refusal | undefined => {
      const total = length + chunk.length
      if (total > maxBodyBytes) return tooLarge(maxBodyBytes)
      if (++pieces > MANY_PIECES && total / pieces < MIN_PIECE_BYTES) return SHREDDED
      if (buffer === undefined) {
        // Most bodies come in one piece.
        buffer = chunk
      } else {
        if (total > buffer.length) {
          const size = nextSize(total, declared, maxBodyBytes)
          if (!this.#reserve(share, size)) return NO_CAPACITY
          const larger = Buffer.allocUnsafeSlow(size)
          buffer.copy(larger, 0, 0, length)
          buffer = larger
        }
        chunk.copy(buffer, length)
      }
      length = total
      return undefined
    }
    const onData = (chunk: Buffer): void => {
      const refusal = unlessNoMemory(() => take(chunk))
      if (refusal) fail(refusal)
      else if (length === declared) onEnd()
    }
    // With all that was declared the body is whole: Node's parser lets no more bytes through.
    const onEnd = (): void => {
      const body = unlessNoMemory(() => (buffer ? trimmed(buffer, length) : NO_BODY))
      if (Buffer.isBuffer(body)) this.#set(share, bufferedBytesOf(body))
      finish(body)
    }
    const onError = (): void => fail(BROKEN)
    const onClose = (): void => finish(BROKEN)
    const slot = this.#reading.add({ startedMs: this.#nowMs(), fail })
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #reserve(share: BodyShare, size: number): boolean {
    const more = size - share.bytes
    if (more <= 0) return true
    const { maxBodiesBytes } = this.#limits
    if (this.#buffered + more > maxBodiesBytes) return false
    if (!share.isKnown && this.#strangers + more > maxBodiesBytes * STRANGERS_SHARE) return false
    this.#set(share, size)
    return true
  }

  #set(share: BodyShare, bytes: number): void {
    this.#buffered += bytes - share.bytes
    if (!share.isKnown) this.#strangers += bytes - share.bytes
    share.bytes = bytes
  }

  #setKnown(share: BodyShare): void {
    if (share.isKnown) return
    this.#strangers -= share.bytes
    share.isKnown = true
  }

  #failLate(): void {
    const before = this.#nowMs() - this.#limits.requestTimeoutMs
    for (const { startedMs, fail } of this.#reading) if (startedMs <= before) fail(SLOW)
  }
}

/** No request's code is above a stream's event: a buffer that cannot be allocated refuses the body. */
function unlessNoMemory<T>(run: () => T): T | Refusal {
  try {
    return run()
  } catch {
    return NO_CAPACITY
  }
}

/** Doubles, so that what a client announces but does not send costs nothing. */
function nextSize(total: number, declared: number, most: number): number {
  let size = FIRST_BUFFER_BYTES
  while (size < total) size *= 2
  return Math.min(size, Number.isNaN(declared) ? most : Math.max(declared, total))
}

/** The body alone: it is held for as long as its answer streams, and may be a small part of what was read at once. */
function trimmed(buffer: Buffer, length: number): Buffer {
  const body = buffer.subarray(0, length)
  return body.buffer.byteLength > 2 * length + FIRST_BUFFER_BYTES ? Buffer.from(body) : body
}

/** The memory that a body keeps alive. */
function bufferedBytesOf(body: Buffer): number {
  return Math.min(body.buffer.byteLength, 2 * body.length + FIRST_BUFFER_BYTES)
}

/** NaN when it is not told. */
function declaredBytes({ headers }: Pick<IncomingMessage, 'headers'>): number {
  return Number(headers['content-length'] ?? Number.NaN)
}

/** Without a length HTTP/1.1 has a body only in chunks; HTTP/2 says nothing at the head. */
function mayHaveBody({
  httpVersionMajor,
  headers,
}: Pick<BodyRequest, 'httpVersionMajor' | 'headers'>): boolean {
  return httpVersionMajor !== 1 || headers['transfer-encoding'] !== undefined
}
