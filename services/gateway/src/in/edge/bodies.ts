import type { Readable } from 'node:stream'
import { tooLarge } from '../../core/admission.ts'
import type { Refusal } from '../../core/refusal.ts'
import { Roster } from '../../core/roster.ts'
import type { EdgeLimits } from './limits.ts'

/** What one request's body occupies, from its first byte until its answer is sent. */
export interface BodyShare {
  bytes: number
}

type Done = (body: Buffer | Refusal) => void

interface Reading {
  readonly startedMs: number
  readonly fail: (refusal: Refusal) => void
}

/** Smaller bodies are not counted: as many as there may be connections fit into memory. */
const COUNTED_BYTES = 64 * 1024
const FIRST_BUFFER_BYTES = 16 * 1024
/** A body in pieces of a few bytes costs a callback for each: beyond this many pieces they must be larger. */
const MANY_PIECES = 4_096
const MIN_PIECE_BYTES = 64

const SLOW: Refusal = Object.freeze({
  reason: 'timeout',
  code: 'request_timeout',
  message: 'The body of the request did not arrive in time.',
})
const SHREDDED: Refusal = Object.freeze({
  reason: 'invalid_request',
  code: 'body_in_tiny_pieces',
  message: 'The body of the request comes in too many tiny pieces.',
})
const BROKEN: Refusal = Object.freeze({
  reason: 'invalid_request',
  code: 'invalid_body',
  message: 'The body of the request broke off.',
})
const NO_BODY = Buffer.alloc(0)
const NO_ROOM: Refusal = Object.freeze({
  reason: 'overloaded',
  code: 'bodies_full',
  message: 'This gateway node holds as many large requests as it can. Please try again.',
  retryAfterMs: 2_000,
})

type BodyLimits = Pick<EdgeLimits, 'maxBodyBytes' | 'maxBodiesBytes' | 'requestTimeoutMs' | 'checkEveryMs'>

/** Reads request bodies into one buffer each: bounded in size, in time, in pieces, and all together. */
export class Bodies implements Disposable {
  readonly #limits: BodyLimits
  readonly #nowMs: () => number
  readonly #reading = new Roster<Reading>()
  readonly #timer: NodeJS.Timeout
  #held = 0

  constructor(limits: BodyLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits
    this.#nowMs = nowMs
    this.#timer = setInterval(() => this.#failLate(), limits.checkEveryMs)
    this.#timer.unref()
  }

  /** Bytes of counted bodies. */
  get heldBytes(): number {
    return this.#held
  }

  /** Whether a body of this declared length must be counted; NaN: its length is not declared. */
  isCounted(declared: number): boolean {
    return !(declared <= COUNTED_BYTES)
  }

  release(share: BodyShare): void {
    this.#held -= share.bytes
    share.bytes = 0
  }

  /** @param declared the Content-Length, or NaN  @param share where a counted body's bytes are noted */
  read(stream: Readable, declared: number, share: BodyShare | undefined, done: Done): void {
    const { maxBodyBytes } = this.#limits
    if (declared > maxBodyBytes) {
      done(tooLarge(maxBodyBytes))
      return
    }
    let buffer: Buffer | undefined
    let length = 0
    let pieces = 0
    const finish = (body: Buffer | Refusal): void => {
      this.#reading.remove(place)
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
          if (share && !this.#reserve(share, size)) return NO_ROOM
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
      const refusal = take(chunk)
      if (refusal) fail(refusal)
      else if (length === declared) onEnd()
    }
    // With all that was declared the body is whole: Node's parser lets no more bytes through.
    const onEnd = (): void => {
      if (share && length <= COUNTED_BYTES) this.release(share)
      finish(buffer ? trimmed(buffer, length) : NO_BODY)
    }
    const onError = (): void => fail(BROKEN)
    const onClose = (): void => finish(BROKEN)
    const place = this.#reading.add({ startedMs: this.#nowMs(), fail })
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #reserve(share: BodyShare, size: number): boolean {
    const more = size - share.bytes
    if (this.#held + more > this.#limits.maxBodiesBytes) return false
    this.#held += more
    share.bytes = size
    return true
  }

  #failLate(): void {
    const before = this.#nowMs() - this.#limits.requestTimeoutMs
    for (const { startedMs, fail } of this.#reading) if (startedMs <= before) fail(SLOW)
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
