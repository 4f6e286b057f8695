import { Fifo } from './fifo.ts'
import type { Shipment } from './shipments.ts'
import type { Commit } from './spool/commits.ts'
import type { SpoolEvent } from './spool/record.ts'
import type { Segment } from './spool/segment.ts'
import type { StreamEnds } from './stream-ends.ts'

export interface StoredAt {
  readonly stream: string
  readonly sequence: number
  readonly duplicate: boolean
}

/** An event that the publisher answers for, until a stream has it. */
export interface Held extends SpoolEvent {
  readonly stored: ((at: StoredAt) => void) | undefined
  /** When the disk got it, epoch milliseconds. */
  heldAtMs: number
  /** Monotonic milliseconds; 0 before it is sent. */
  sentAtMs: number
  firstSentAtMs: number
  /** When it is sent again, if nothing is heard of it. */
  retryAtMs: number
  /** True when a stream had acknowledged it once. */
  readonly wasStored: boolean
  /** Where it stands on disk; undefined when it is in memory alone. */
  segment: Segment | undefined
  position: number
  /** Who waits for it while it is in memory alone. */
  commit: Commit | undefined
  /** The write with which it left last, while its acknowledgement is waited for. */
  shipment: Shipment | undefined
}

/** Where an event stands on disk, or the oldest of several. */
export type Place = Pick<Held, 'segment' | 'position'>

/** Where events wait until they are sent and acknowledged. */
export interface Backlog {
  /** Events waiting to be sent. */
  readonly waiting: number
  /** True when callers should take no new work. */
  readonly full: boolean
  /** Why events cannot be kept as they should be, or undefined. */
  readonly fault: string | undefined
  /** What one turn of the event loop has brought, in order. */
  add(batch: readonly Held[]): void
  /** Calls back, in order, when everything added so far is safe. */
  commit(callbacks: Array<() => void>): void
  /** The next event to send. */
  next(): Held | undefined
  /** @param isKept  its segment may not go before {@link release} */
  acknowledged(held: Held, isKept: boolean): void
  /** So many acknowledged events of the segment were kept, and are not any more. */
  release(segment: Segment, events: number): void
  /** The streams have these ends now, and nothing that is added from here on was sent before. */
  recordEnds(ends: StreamEnds): void
  /** Called about ten times a second with what is sent and may still be needed. */
  tick(outstanding: Iterable<Place>): void
  /** Nothing more will be sent or acknowledged. */
  close(outstanding: Iterable<Place>): void
}

/** Events in memory only: enough for a service that can do its work again after a crash. */
export class MemoryBacklog implements Backlog {
  readonly #queue = new Fifo<Held>()
  readonly fault = undefined
  readonly full = false

  get waiting(): number {
    return this.#queue.length
  }

  add(batch: readonly Held[]): void {
    for (const held of batch) this.#queue.push(held)
  }

  commit(callbacks: Array<() => void>): void {
    for (const callback of callbacks) callback()
  }

  next(): Held | undefined {
    return this.#queue.shift()
  }

  acknowledged(): void {}
  release(): void {}
  recordEnds(): void {}
  tick(): void {}
  close(): void {}
}
