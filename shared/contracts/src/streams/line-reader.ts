import { OWN_ROOM, type Room } from './room.ts'

const LF = 10
const CR = 13

export interface LineBounds {
  /** A line, or the data of one event, that is longer is not held. Default 256 KiB. */
  readonly maxHeldBytes?: number
  /** Where the held bytes come from. Default: bounded by `maxHeldBytes` alone. */
  readonly room?: Room
}

export const MAX_HELD_BYTES = 256 * 1024
/** Held outside the room, so that the beginning of each line can be read: it says what the line is. */
export const FREE_BYTES = 16

/** Gets the bytes of a line that is too long to be held, after those that were. */
export interface LongLine {
  write(bytes: Uint8Array, start: number, end: number): void
}

/**
 * Cuts a stream of bytes into lines as they come. A line within one chunk is not copied; one that is cut by the borders
 * of chunks is held until its end has come, and handed over in parts when it is too long for that.
 */
export abstract class LineReader {
  readonly #withCr: boolean
  protected readonly maxHeldBytes: number
  protected readonly room: Room
  /** Bytes before the chunk that is being read. */
  #before = 0
  #pieces: Uint8Array[] = []
  #heldBytes = 0
  #takenBytes = 0
  #long: LongLine | undefined
  /** Where the line began that is being read, from the beginning of the stream. */
  #lineStart = 0
  /** The last byte ended a line by CR: an LF behind it belongs to that end. */
  #mayBeCrlf = false
  /** A line is whole, but whether its end is CR or CRLF is not known yet. */
  #isWaiting = false
  #usesCrlf = false

  /** @param withCr whether CR, and CRLF, end a line besides LF */
  constructor(withCr: boolean, { maxHeldBytes = MAX_HELD_BYTES, room = OWN_ROOM }: LineBounds) {
    this.#withCr = withCr
    this.maxHeldBytes = maxHeldBytes
    this.room = room
  }

  /**
   * A line without its end: the bytes of `bytes` from `start` up to `end`.
   * @param lineStart where it began, from the beginning of the stream
   * @param nextStart where the next one begins
   */
  protected abstract onLine(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineStart: number,
    nextStart: number,
  ): void
  /** A line is too long: `beginning` is what was held of it. Its end comes as {@link onLongLine}. */
  protected abstract onTooLong(beginning: Uint8Array, lineStart: number): LongLine
  protected abstract onLongLine(nextStart: number): void
  /** The stream has ended, and its last line with it. */
  protected abstract onEnd(): void

  /** True when the last byte so far ended a line. */
  get isBetweenLines(): boolean {
    return this.#heldBytes === 0 && this.#long === undefined && !this.#isWaiting
  }

  /** Bytes that have come. */
  get position(): number {
    return this.#before
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    let from = this.#afterCr(chunk)
    const hasCr = this.#withCr && chunk.indexOf(CR, from) !== -1
    for (;;) {
      const end = hasCr ? lineEnd(chunk, from) : chunk.indexOf(LF, from)
      if (end === -1) break
      let next = end + 1
      if (chunk[end] === CR) {
        if (next === chunk.length && this.#usesCrlf) {
          this.#keep(chunk, from, end)
          this.#isWaiting = true
          from = next
          break
        }
        if (chunk[next] === LF) {
          next++
          this.#usesCrlf = true
        } else if (next === chunk.length) this.#mayBeCrlf = true
      }
      this.#endLine(chunk, from, end, next)
      from = next
    }
    if (from < chunk.length) this.#keep(chunk, from, chunk.length)
    this.#before += chunk.length
  }

  end(): void {
    if (this.#isWaiting || this.#heldBytes > 0 || this.#long) this.#endLine(EMPTY, 0, 0, 0)
    this.onEnd()
    this.close()
  }

  /** Gives back what is held; nothing may be written afterwards. */
  close(): void {
    this.#release()
  }

  #release(): void {
    this.#pieces = []
    this.#heldBytes = 0
    this.room.give(this.#takenBytes)
    this.#takenBytes = 0
    this.#long = undefined
    this.#isWaiting = false
  }

  /** @returns where to go on in the chunk */
  #afterCr(chunk: Uint8Array): number {
    const isLf = chunk[0] === LF
    if (this.#isWaiting) {
      this.#isWaiting = false
      this.#endLine(chunk, 0, 0, isLf ? 1 : 0)
      return isLf ? 1 : 0
    }
    if (!this.#mayBeCrlf) return 0
    this.#mayBeCrlf = false
    if (!isLf) return 0
    this.#usesCrlf = true
    this.#lineStart++
    return 1
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    if (this.#long) {
      this.#long.write(chunk, from, to)
      return
    }
    if (from === to) return
    const bytes = to - from
    const wanted = Math.max(0, this.#heldBytes + bytes - FREE_BYTES) - this.#takenBytes
    if (this.#heldBytes + bytes <= this.maxHeldBytes && (wanted <= 0 || this.room.take(wanted))) {
      this.#pieces.push(chunk.subarray(from, to))
      this.#heldBytes += bytes
      if (wanted > 0) this.#takenBytes += wanted
      return
    }
    this.#pieces.push(chunk.subarray(from, to))
    const long = this.onTooLong(joined(this.#pieces, this.#heldBytes + bytes), this.#lineStart)
    this.#release()
    this.#long = long
  }

  #endLine(chunk: Uint8Array, from: number, end: number, next: number): void {
    const lineStart = this.#lineStart
    const nextStart = this.#before + next
    this.#lineStart = nextStart
    if (this.#long) {
      this.#long.write(chunk, from, end)
      this.#long = undefined
      this.onLongLine(nextStart)
    } else if (this.#heldBytes === 0) this.onLine(chunk, from, end, lineStart, nextStart)
    else {
      if (end > from) this.#pieces.push(chunk.subarray(from, end))
      const line = joined(this.#pieces, this.#heldBytes + end - from)
      this.#release()
      this.onLine(line, 0, line.length, lineStart, nextStart)
    }
  }
}

const EMPTY = new Uint8Array(0)

/** Index of the next CR or LF, or -1. */
function lineEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) if (bytes[at] === LF || bytes[at] === CR) return at
  return -1
}

export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
