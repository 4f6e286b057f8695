import type { Room } from '@fluxgate/contracts'
import { NOTHING } from './tap.ts'

/** Bytes from the first up to the second position of the stream. */
export type Cut = readonly [start: number, end: number]

/** An event longer than this is forwarded as it comes: the one that is kept from the client is much shorter. */
const MAX_HELD_BYTES = 64 * 1024

/** Holds the bytes of an event until its end has come, and forwards them without what was cut. */
export class StripBuffer {
  readonly #room: Room
  #buffered: Buffer = NOTHING
  /** Position of the first byte that is not forwarded. */
  #from = 0
  #cuts: Cut[] = []
  #eventStart = 0

  constructor(room: Room) {
    this.#room = room
  }

  get isBetweenEvents(): boolean {
    return this.#eventStart >= this.#from
  }

  /** Takes a part of an event that has come whole out of what will be forwarded. */
  cut(range: Cut): void {
    if (range[0] >= this.#from) this.#cuts.push(range)
  }

  /** @param eventStart position behind the last event that is whole */
  write(chunk: Buffer, eventStart: number): Buffer {
    const bytes = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
    this.#room.give(this.#buffered.length)
    this.#buffered = NOTHING
    this.#eventStart = eventStart
    let whole = Math.max(0, eventStart - this.#from)
    const rest = bytes.length - whole
    if (rest > MAX_HELD_BYTES || !this.#room.take(rest)) whole = bytes.length
    else this.#buffered = bytes.subarray(whole)
    return this.#forward(bytes.subarray(0, whole))
  }

  end(): Buffer {
    const buffered = this.#buffered
    this.#room.give(buffered.length)
    this.#buffered = NOTHING
    this.#eventStart = this.#from + buffered.length
    return this.#forward(buffered)
  }

  #forward(bytes: Buffer): Buffer {
    const base = this.#from
    this.#from += bytes.length
    if (this.#cuts.length === 0) return bytes
    const parts: Buffer[] = []
    let at = 0
    for (const [start, end] of this.#cuts) {
      parts.push(bytes.subarray(at, start - base))
      at = end - base
    }
    this.#cuts = []
    parts.push(bytes.subarray(at))
    return Buffer.concat(parts)
  }
}
