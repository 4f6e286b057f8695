import type { CountLimits } from './count.ts'

/** What all copies of a node hold together. */
export interface HeardRoom {
  bytes: number
  readonly limits: Pick<CountLimits, 'maxCountedBytes' | 'maxHeardBytes'>
}

/**
 * The answer so far, kept as the chunks that came, in case it must be counted at the end: no byte is copied or read
 * before that. Gives up, and is to be estimated, when it grows too long or the node holds too much.
 */
export class Heard {
  readonly #room: HeardRoom
  #chunks: Buffer[] | undefined = []
  #bytes = 0

  constructor(room: HeardRoom) {
    this.#room = room
  }

  keep(chunk: Buffer): void {
    if (!this.#chunks) return
    const { limits } = this.#room
    if (
      this.#bytes + chunk.length > limits.maxCountedBytes ||
      this.#room.bytes + chunk.length > limits.maxHeardBytes
    ) {
      this.release()
      return
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#room.bytes += chunk.length
  }

  /** All that came in one piece, or undefined when it was given up. */
  whole(): Buffer | undefined {
    return this.#chunks && Buffer.concat(this.#chunks, this.#bytes)
  }

  /** Must be called at the end, whatever was made of it. */
  release(): void {
    this.#room.bytes -= this.#bytes
    this.#bytes = 0
    this.#chunks = undefined
  }
}
