import { Fifo } from './fifo.ts'
import type { InFlightBatch } from './in-flight-batches.ts'
import type { StreamEnds } from './stream-ends.ts'

export interface StoredAt {
  readonly stream: string
  readonly sequence: number
  readonly duplicate: boolean
}

/** An event in the form in which it is stored and sent. */
export interface EncodedEvent {
  readonly subject: string
  /** The event's id, ASCII. */
  readonly id: string
  /** The event's JSON: a text that is to become UTF-8, or the bytes. */
  readonly payload: string | Uint8Array
}

export function payloadBytes({ payload }: EncodedEvent): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
}

/** @returns the offset behind it */
export function writePayload(into: Buffer, offset: number, { payload }: EncodedEvent): number {
  if (typeof payload === 'string') return offset + into.write(payload, offset)
  into.set(payload, offset)
  return offset + payload.length
}

/** A part of a backlog that is deleted as a whole; the publisher knows nothing more of it. */
export interface BacklogSegment {
  readonly path: string
}

/** An event that the publisher answers for, until a stream has it. */
export interface PendingEvent extends EncodedEvent {
  readonly stored: ((at: StoredAt) => void) | undefined
  /** When the disk got it, epoch milliseconds. */
  writtenAtMs: number
  /** Monotonic milliseconds; 0 before it is sent. */
  sentAtMs: number
  firstSentAtMs: number
  /** When it is sent again, if nothing is heard of it. */
  retryAtMs: number
  /** True when a stream had acknowledged it once. */
  readonly wasStored: boolean
  /** Where it stands on disk; undefined when it is in memory alone. */
  segment: BacklogSegment | undefined
  position: number
  /** Who waits for it while it is in memory alone. */
  commit: object | undefined
  /** The write with which it left last, while its acknowledgement is waited for. */
  batch: InFlightBatch | undefined
}

/** Where an event stands on disk, or the oldest of several. */
export type BacklogPosition = Pick<PendingEvent, 'segment' | 'position'>

/** Where events wait until they are sent and acknowledged. */
export interface Backlog {
  /** Events waiting to be sent. */
  readonly waiting: number
  /** True when callers should take no new work. */
  readonly full: boolean
  /** Why events cannot be kept as they should be, or undefined. */
  readonly fault: string | undefined
  /** What one turn of the event loop has brought, in order. */
  add(batch: readonly PendingEvent[]): void
  /** Calls back, in order, when everything added so far is safe. */
  commit(callbacks: Array<() => void>): void
  /** The next event to send. */
  next(): PendingEvent | undefined
  /** @param isKept  its segment may not go before {@link release} */
  acknowledged(pending: PendingEvent, isRetained: boolean): void
  /** So many acknowledged events of the segment were kept, and are not any more. */
  release(segment: BacklogSegment, events: number): void
  /** The streams have these ends now, and nothing that is added from here on was sent before. */
  recordEnds(ends: StreamEnds): void
  /** Called about ten times a second with what is sent and may still be needed. */
  tick(outstanding: Iterable<BacklogPosition>): void
  /** Nothing more will be sent or acknowledged. */
  close(outstanding: Iterable<BacklogPosition>): void
}

/** Events in memory only: enough for a service that can do its work again after a crash. */
export class MemoryBacklog implements Backlog {
  readonly #queue = new Fifo<PendingEvent>()
  readonly fault = undefined
  readonly full = false

  get waiting(): number {
    return this.#queue.length
  }

  add(batch: readonly PendingEvent[]): void {
    for (const pending of batch) this.#queue.push(pending)
  }

  commit(callbacks: Array<() => void>): void {
    for (const callback of callbacks) callback()
  }

  next(): PendingEvent | undefined {
    return this.#queue.shift()
  }

  acknowledged(): void {}
  release(): void {}
  recordEnds(): void {}
  tick(): void {}
  close(): void {}
}
