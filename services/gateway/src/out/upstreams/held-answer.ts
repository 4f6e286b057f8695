import type { ResponseHeaders } from '../../core/exchange/upstream.ts'
import type { Attempt } from './attempt.ts'

const MAX_HELD_BYTES = 64 * 1024

/** An answer that failed, kept while another attempt is made. */
export class HeldAnswer {
  readonly attempt: Attempt
  readonly status: number
  readonly headers: ResponseHeaders
  readonly chunks: Buffer[] = []
  isWhole = false
  #bytes = 0

  constructor(attempt: Attempt, status: number, headers: ResponseHeaders) {
    this.attempt = attempt
    this.status = status
    this.headers = headers
  }

  /** @returns false when the answer is too long to be kept */
  add(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > MAX_HELD_BYTES) return false
    this.chunks.push(chunk)
    return true
  }
}
