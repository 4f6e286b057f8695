import type { BacklogSegment, PendingEvent } from './backlog.ts'
import { Fifo } from './fifo.ts'
import { readFrames } from './frames.ts'
import { Window } from './window.ts'

/** Acknowledged events of one segment. */
export interface Portion {
  readonly segment: BacklogSegment
  /** Of the oldest of them. */
  position: number
  events: number
}

/** Events that left in one write. */
export interface InFlightBatch {
  /** Under which it is kept while acknowledgements are to come. */
  number: number
  /** What was written. The events are kept in this form alone: as many objects they would be the heap's burden. */
  frames: Buffer
  readonly sentAtMs: number
  /** Events whose acknowledgement is waited for. */
  left: number
  readonly portions: Portion[]
  /** Ids of events that are not kept here: sent again in another batch, or on no disk. */
  resentIds: Set<string> | undefined
  ackedAtMs: number
}

const UNWRITTEN = Buffer.alloc(0)

/**
 * What streams have acknowledged and is kept for a while, because a server that dies may have lost it. All times are
 * monotonic milliseconds.
 */
export class InFlightBatches {
  /** With acknowledgements to come. */
  readonly #open = new Window<InFlightBatch>()
  readonly #resting = new Fifo<InFlightBatch>()

  /** When the oldest that is kept was sent; undefined when nothing is. */
  get oldestMs(): number | undefined {
    let oldestMs = this.#resting.peek()?.sentAtMs
    for (const { sentAtMs } of this.#open) oldestMs = Math.min(oldestMs ?? sentAtMs, sentAtMs)
    return oldestMs
  }

  begin(nowMs: number): InFlightBatch {
    const batch: InFlightBatch = {
      number: 0,
      frames: UNWRITTEN,
      sentAtMs: nowMs,
      left: 0,
      portions: [],
      resentIds: undefined,
      ackedAtMs: 0,
    }
    batch.number = this.#open.push(batch)
    return batch
  }

  add(batch: InFlightBatch, pending: PendingEvent): void {
    this.leave(pending)
    pending.batch = batch
    batch.left++
  }

  /** A stream has the event, and so has the disk. */
  acknowledged(pending: PendingEvent, batch: InFlightBatch, segment: BacklogSegment, nowMs: number): void {
    const { portions } = batch
    const last = portions[portions.length - 1]
    if (last?.segment === segment) {
      last.events++
      if (pending.position < last.position) last.position = pending.position
    } else portions.push({ segment, position: pending.position, events: 1 })
    this.#arrived(pending, batch, nowMs)
  }

  /** The event is kept in another way from now on, or not at all. */
  leave(pending: PendingEvent): void {
    const { batch } = pending
    if (!batch) return
    batch.resentIds ??= new Set()
    batch.resentIds.add(pending.id)
    this.#arrived(pending, batch, batch.ackedAtMs)
  }

  /** Lets go of what was acknowledged up to that time. */
  *takeExpired(untilMs: number): Generator<Portion> {
    for (let next = this.#resting.peek(); next && next.ackedAtMs <= untilMs; next = this.#resting.peek()) {
      this.#resting.shift()
      yield* next.portions
    }
  }

  /** Where on disk that stands which is kept. */
  *portions(): Generator<Portion> {
    for (const { portions } of this.#resting) yield* portions
    for (const { portions } of this.#open) yield* portions
  }

  /**
   * Gives back all that is kept, as events to be sent again, and keeps nothing any more.
   * @param outstanding the events whose acknowledgement is waited for
   */
  takeAll(outstanding: Iterable<PendingEvent>): PendingEvent[] {
    for (const pending of outstanding) this.leave(pending)
    const events = [...this.#resting].flatMap(eventsOf)
    this.#resting.clear()
    return events
  }

  #arrived(pending: PendingEvent, batch: InFlightBatch, nowMs: number): void {
    pending.batch = undefined
    batch.ackedAtMs = nowMs
    if (--batch.left > 0) return
    this.#open.delete(batch.number)
    if (batch.portions.length > 0) this.#resting.push(batch)
  }
}

/** Which of its events is of which segment does not matter to anybody, only how many are. */
function eventsOf({ frames, sentAtMs, portions, resentIds: elsewhere }: InFlightBatch): PendingEvent[] {
  const places = portions.flatMap(portion => Array<Portion>(portion.events).fill(portion))
  const events: PendingEvent[] = []
  for (const event of readFrames(frames)) {
    if (elsewhere?.has(event.id)) continue
    const { segment, position } = places[events.length]!
    events.push({
      ...event,
      stored: undefined,
      writtenAtMs: 0,
      sentAtMs: 0,
      firstSentAtMs: sentAtMs,
      retryAtMs: 0,
      wasStored: true,
      segment,
      position,
      commit: undefined,
      batch: undefined,
    })
  }
  return events
}
