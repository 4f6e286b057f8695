import { jsonParser, STREAMS } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'
import type { NatsLink } from './link.ts'

/** Where a stream ended at some moment, and which stream of that name it was. */
export const StreamEnd = Type.Object(
  { created: Type.String({ maxLength: 64 }), sequence: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)
export type StreamEnd = Static<typeof StreamEnd>

/** Stream → its end. A stream that is not in it may have held anything. */
export const StreamEnds = Type.Record(Type.String(), StreamEnd, { maxProperties: 64 })
export type StreamEnds = Static<typeof StreamEnds>

const Entries = Type.Array(
  Type.Object({ from: Type.Number({ minimum: 0 }), ends: StreamEnds }, { additionalProperties: false }),
  { maxItems: 256 },
)
export const parseEndsHistory = jsonParser(Entries)

/** Asks how far every stream of events goes. @throws when NATS does not answer */
export async function readStreamEnds(link: NatsLink): Promise<StreamEnds> {
  const asked = Object.values(STREAMS).map(async (stream): Promise<[string, StreamEnd]> => {
    const { created, state } = await link.manager.streams.info(stream)
    return [stream, { created: String(created), sequence: state.last_seq }]
  })
  return Object.fromEntries(await Promise.all(asked))
}

/** So many are remembered. While all are needed no further one is taken: an older one makes a look-up longer, not wrong. */
const MAX_ENTRIES = 64

/**
 * Ends of the streams, each valid from some point on: an event that came at that point or later stands behind those ends,
 * if it is stored at all. Points are positions of a spool or monotonic times; no clock of another host is compared.
 */
export class EndsHistory {
  #entries: Array<{ from: number; ends: StreamEnds }>

  constructor(entries: Static<typeof Entries> = []) {
    this.#entries = entries
  }

  get entries(): Static<typeof Entries> {
    return this.#entries
  }

  /** @returns false when there are too many that are still needed */
  add(from: number, ends: StreamEnds): boolean {
    if (this.#entries.length >= MAX_ENTRIES) return false
    this.#entries.push({ from, ends })
    return true
  }

  /** The latest ends behind which an event of this point must stand; undefined when nothing is known. */
  before(point: number): StreamEnds | undefined {
    return this.#entries.findLast(({ from }) => from <= point)?.ends
  }

  /** No event before this point will be asked for any more. */
  forgetBefore(point: number): void {
    const needed = this.#entries.findLastIndex(({ from }) => from <= point)
    if (needed > 0) this.#entries = this.#entries.slice(needed)
  }
}

/** Asks for the ends of the streams now and then while events are sent. */
export class EndsWatch {
  readonly #link: NatsLink
  readonly #everyMs: number
  readonly #firstSentAtMs: () => number
  readonly #onEnds: (ends: StreamEnds) => void
  /** By monotonic time: what was first sent later stands behind those ends. */
  readonly #history = new EndsHistory()
  #isAsking = false
  #askAtMs = 0
  #isClosed = false
  /** Set when something was sent after the ends were last asked for. */
  isSentSince = true

  /** @param firstSentAtMs when the oldest event was first sent that may have to be looked up, monotonic milliseconds */
  constructor(
    link: NatsLink,
    everyMs: number,
    firstSentAtMs: () => number,
    onEnds: (ends: StreamEnds) => void,
  ) {
    this.#link = link
    this.#everyMs = everyMs
    if (everyMs === Number.POSITIVE_INFINITY) this.#askAtMs = everyMs
    this.#firstSentAtMs = firstSentAtMs
    this.#onEnds = onEnds
    this.tick()
  }

  /** The ends behind which an event that was first sent then must stand; undefined when nothing is known. */
  before(sentAtMs: number): StreamEnds | undefined {
    return this.#history.before(sentAtMs)
  }

  close(): void {
    this.#isClosed = true
  }

  tick(): void {
    const nowMs = performance.now()
    if (!this.isSentSince || nowMs < this.#askAtMs || this.#isAsking || !this.#link.isConnected()) return
    this.#isAsking = true
    this.#askAtMs = nowMs + this.#everyMs
    readStreamEnds(this.#link).then(
      ends => {
        this.#isAsking = false
        if (this.#isClosed) return
        this.isSentSince = false
        this.#history.forgetBefore(this.#firstSentAtMs())
        this.#history.add(performance.now(), ends)
        this.#onEnds(ends)
      },
      () => {
        // Streams are away, or not made yet: a look-up goes further back.
        this.#isAsking = false
      },
    )
  }
}
