import { setImmediate as nextTurn } from 'node:timers/promises'
import { type EventBatch, type Following, follow, type NatsLink } from '@fluxgate/nats'
import type { StoredPosition } from '../tables/index.ts'
import type { Intake } from './intake.timer.ts'
import type { StreamHead } from './progress.ts'

export interface ReaderLimits {
  /** Messages handed to the intake at once, at the most. */
  readonly readEvents: number
  /** Messages fetched ahead for each stream, at the most. */
  readonly readAheadEvents: number
}

/** Follows the streams, each from its own position, into the intake. */
export class LogReader implements AsyncDisposable {
  readonly #link: NatsLink
  readonly #intake: Intake
  readonly #limits: ReaderLimits
  readonly #followings = new Map<string, Following>()
  #disposed = false

  readonly #through: ReadonlyMap<string, number>

  /** @param through stream → the last position that is read, where it ends */
  constructor(
    link: NatsLink,
    intake: Intake,
    limits: ReaderLimits,
    through: ReadonlyMap<string, number> = new Map(),
  ) {
    this.#through = through
    this.#link = link
    this.#intake = intake
    this.#limits = limits
  }

  /**
   * Which stream of each name is there now, and how far it goes.
   * @throws while a stream is missing: whoever owns the topology has not made it yet
   */
  async heads(streams: Iterable<string>): Promise<Map<string, StreamHead>> {
    const heads = new Map<string, StreamHead>()
    for (const stream of streams) heads.set(stream, await this.#headOf(stream))
    return heads
  }

  /**
   * Follows from these positions; what was read and not yet taken is forgotten. A stream that is made anew meanwhile is not
   * read.
   */
  async begin(positions: ReadonlyMap<string, StoredPosition>, halted: ReadonlyMap<string, string>) {
    await Promise.all([...this.#followings.keys()].map(stream => this.halt(stream)))
    for (const [stream, { sequence, created }] of positions) {
      this.#intake.begin(stream, sequence)
      const end = this.#through.get(stream) ?? Number.POSITIVE_INFINITY
      if (halted.has(stream) || this.#disposed || sequence >= end) continue
      const options = {
        stream,
        name: 'projection',
        from: { sequence: sequence + 1 },
        maxBatch: this.#limits.readEvents,
        maxBuffered: this.#limits.readAheadEvents,
        onStart: () => this.#mustBe(stream, created),
      }
      let isAtEnd = false
      this.#followings.set(
        stream,
        follow(this.#link, options, async batch => {
          if (isAtEnd) return
          isAtEnd = batch.lastSequence >= end
          await this.#intake.offer(partThrough(batch, end))
          // Postgres' answers are heard between two batches, and not when all that was fetched is parsed.
          await nextTurn()
        }),
      )
    }
  }

  /** The same positions mean other messages in a stream that was made anew. */
  async #mustBe(stream: string, created: string | null): Promise<void> {
    const head = await this.#headOf(stream)
    if (created !== null && head.created !== created) throw new Error(`${stream} was made anew`)
  }

  async #headOf(stream: string): Promise<StreamHead> {
    try {
      const { created, state } = await this.#link.manager.streams.info(stream)
      const { first_seq: firstSequence, last_seq: lastSequence } = state
      return { firstSequence, lastSequence, created: String(created) }
    } catch (error) {
      throw new Error(`${stream} cannot be followed: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Reads this stream no more and forgets what it had read. */
  async halt(stream: string): Promise<void> {
    const following = this.#followings.get(stream)
    this.#followings.delete(stream)
    const ended = following?.[Symbol.asyncDispose]()
    // A reader that waits for room must be let go before it can end, and what it leaves behind must go as well.
    this.#intake.begin(stream, 0)
    await ended
    this.#intake.begin(stream, 0)
  }

  get buried(): number {
    return [...this.#followings.values()].reduce((sum, following) => sum + following.buried, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    this.#intake.close()
    await Promise.all([...this.#followings.keys()].map(stream => this.halt(stream)))
  }
}

/** What of a batch stands before or at the end. */
function partThrough(batch: EventBatch, end: number): EventBatch {
  if (batch.lastSequence <= end) return batch
  return { ...batch, events: batch.events.filter(({ sequence }) => sequence <= end), lastSequence: end }
}
