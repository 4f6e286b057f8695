import type { PendingRecord } from './backlog.ts'
import { Fifo } from './fifo.ts'
import type { PendingMessage } from './pending-message.ts'

interface Retained {
  readonly message: PendingMessage
  readonly ackedAtMs: number
}

/**
 * What streams have acknowledged and is kept for a while, because a server that dies may have lost it: the disk alone has
 * its bytes. All times are monotonic milliseconds.
 */
export class RetainedMessages {
  readonly #messages = new Fifo<Retained>()

  /** When the oldest of them was sent; undefined when nothing is kept. */
  get oldestMs(): number | undefined {
    return this.#messages.peek()?.message.sentAtMs
  }

  add(message: PendingMessage, nowMs: number): void {
    message.wasStored = true
    for (const record of message.records) record.payload = ''
    this.#messages.push({ message, ackedAtMs: nowMs })
  }

  /** Lets go of what was acknowledged up to that time. */
  *takeExpired(untilMs: number): Generator<PendingRecord> {
    for (let next = this.#messages.peek(); next && next.ackedAtMs <= untilMs; next = this.#messages.peek()) {
      this.#messages.shift()
      yield* next.message.records
    }
  }

  *records(): Generator<PendingRecord> {
    for (const { message } of this.#messages) yield* message.records
  }

  /** Gives back all that is kept, to be sent again, and keeps nothing any more. */
  takeAll(): PendingMessage[] {
    const messages = Array.from(this.#messages, ({ message }) => message)
    this.#messages.clear()
    return messages
  }
}
