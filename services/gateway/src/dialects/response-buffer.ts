import type { Room } from '@fluxgate/contracts'

/** What all readers of answers hold together, and the most that one answer is held of to be counted. */
export interface BufferBudget {
  readonly room: Room
  readonly maxCountedBytes: number
}

/**
 * The answer so far, kept as the chunks that came, in case it must be counted at the end: no byte is copied or read
 * before that. Gives up, and is to be estimated, when it grows too long or the node holds too much.
 */
export class ResponseBuffer {
  readonly #room: BufferBudget
  #chunks: Buffer[] | undefined = []
  #bytes = 0

  constructor(room: BufferBudget) {
    this.#room = room
  }

  keep(chunk: Buffer): void {
    if (!this.#chunks) return
    const { room, maxCountedBytes } = this.#room
    if (this.#bytes + chunk.length > maxCountedBytes || !room.take(chunk.length)) {
      this.release()
      return
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** All that came in one piece, or undefined when it was given up. */
  whole(): Buffer | undefined {
    return this.#chunks && Buffer.concat(this.#chunks, this.#bytes)
  }

  /** Must be called at the end, whatever was made of it. */
  release(): void {
    this.#room.room.give(this.#bytes)
    this.#bytes = 0
    this.#chunks = undefined
  }
}
