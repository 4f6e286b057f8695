import type { Held } from './backlog.ts'
import { Fifo } from './fifo.ts'
import { readFrames } from './frames.ts'
import type { Segment } from './spool/segment.ts'
import { Window } from './window.ts'

/** Acknowledged events of one segment. */
export interface Portion {
  readonly segment: Segment
  /** Of the oldest of them. */
  position: number
  events: number
}

/** Events that left in one write. */
export interface Shipment {
  /** Under which it is kept while acknowledgements are to come. */
  number: number
  /** What was written. The events are kept in this form alone: as many objects they would be the heap's burden. */
  frames: Buffer
  readonly sentAtMs: number
  /** Events whose acknowledgement is waited for. */
  left: number
  readonly portions: Portion[]
  /** Ids of events that are not kept here: sent again in another shipment, or on no disk. */
  elsewhere: Set<string> | undefined
  ackedAtMs: number
}

const UNWRITTEN = Buffer.alloc(0)

/**
 * What streams have acknowledged and is kept for a while, because a server that dies may have lost it. All times are
 * monotonic milliseconds.
 */
export class Shipments {
  /** With acknowledgements to come. */
  readonly #open = new Window<Shipment>()
  readonly #resting = new Fifo<Shipment>()

  /** When the oldest that is kept was sent; undefined when nothing is. */
  get oldestMs(): number | undefined {
    let oldestMs = this.#resting.peek()?.sentAtMs
    for (const { sentAtMs } of this.#open) oldestMs = Math.min(oldestMs ?? sentAtMs, sentAtMs)
    return oldestMs
  }

  begin(nowMs: number): Shipment {
    const shipment: Shipment = {
      number: 0,
      frames: UNWRITTEN,
      sentAtMs: nowMs,
      left: 0,
      portions: [],
      elsewhere: undefined,
      ackedAtMs: 0,
    }
    shipment.number = this.#open.push(shipment)
    return shipment
  }

  add(shipment: Shipment, held: Held): void {
    this.leave(held)
    held.shipment = shipment
    shipment.left++
  }

  /** A stream has the event, and so has the disk. */
  acknowledged(held: Held, shipment: Shipment, segment: Segment, nowMs: number): void {
    const { portions } = shipment
    const last = portions[portions.length - 1]
    if (last?.segment === segment) {
      last.events++
      if (held.position < last.position) last.position = held.position
    } else portions.push({ segment, position: held.position, events: 1 })
    this.#arrived(held, shipment, nowMs)
  }

  /** The event is kept in another way from now on, or not at all. */
  leave(held: Held): void {
    const { shipment } = held
    if (!shipment) return
    shipment.elsewhere ??= new Set()
    shipment.elsewhere.add(held.id)
    this.#arrived(held, shipment, shipment.ackedAtMs)
  }

  /** Lets go of what was acknowledged up to that time. */
  *rested(untilMs: number): Generator<Portion> {
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
  takeAll(outstanding: Iterable<Held>): Held[] {
    for (const held of outstanding) this.leave(held)
    const events = [...this.#resting].flatMap(eventsOf)
    this.#resting.clear()
    return events
  }

  #arrived(held: Held, shipment: Shipment, nowMs: number): void {
    held.shipment = undefined
    shipment.ackedAtMs = nowMs
    if (--shipment.left > 0) return
    this.#open.delete(shipment.number)
    if (shipment.portions.length > 0) this.#resting.push(shipment)
  }
}

/** Which of its events is of which segment does not matter to anybody, only how many are. */
function eventsOf({ frames, sentAtMs, portions, elsewhere }: Shipment): Held[] {
  const places = portions.flatMap(portion => Array<Portion>(portion.events).fill(portion))
  const events: Held[] = []
  for (const event of readFrames(frames)) {
    if (elsewhere?.has(event.id)) continue
    const { segment, position } = places[events.length]!
    events.push({
      ...event,
      stored: undefined,
      heldAtMs: 0,
      sentAtMs: 0,
      firstSentAtMs: sentAtMs,
      retryAtMs: 0,
      wasStored: true,
      segment,
      position,
      commit: undefined,
      shipment: undefined,
    })
  }
  return events
}
