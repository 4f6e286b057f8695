import type { Room } from '@fluxgate/contracts'
import type { ResponseHeaders } from '../http/index.ts'
import type { Attempt } from './attempt.http.ts'

const MAX_HELD_BYTES = 64 * 1024

/** An answer that failed, kept while another attempt is made. */
export class BufferedAnswer {
  readonly attempt: Attempt
  readonly status: number
  readonly headers: ResponseHeaders
  readonly chunks: Buffer[] = []
  isWhole = false
  readonly #room: Room
  #bytes = 0

  constructor(attempt: Attempt, status: number, headers: ResponseHeaders, room: Room) {
    this.attempt = attempt
    this.status = status
    this.headers = headers
    this.#room = room
  }

  /** @returns false when the answer is too long to be kept, or all held answers together are */
  add(chunk: Buffer): boolean {
    if (this.#bytes + chunk.length > MAX_HELD_BYTES || !this.#room.take(chunk.length)) return false
    this.#bytes += chunk.length
    this.chunks.push(chunk)
    return true
  }

  /** To be called when it is passed on or of no use; gives back once. */
  release(): void {
    this.#room.give(this.#bytes)
    this.#bytes = 0
  }
}
