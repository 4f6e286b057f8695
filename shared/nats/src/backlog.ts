import { Fifo } from './fifo.ts'
import type { StreamEnds } from './stream-ends.ts'

export interface StoredAt {
  readonly stream: string
  readonly sequence: number
  readonly duplicate: boolean
}

/** What is stored and sent as one: an event, or what one turn of the event loop has brought to a batch. */
export interface EncodedRecord {
  readonly subject: string
  /** The event's id, or that of the part of the batch, see {@link partId}. ASCII. */
  readonly id: string
  /** The event's JSON, or the lines of the events: a text that is to become UTF-8, or the bytes. */
  readonly payload: string | Uint8Array
  /** Undefined for a message of its own. */
  readonly part: BatchPart | undefined
}

/** Which part of which batch a record is, and what all its events share. Texts are ASCII. */
export interface BatchPart {
  readonly batch: string
  /** Index of its first event in the batch. */
  readonly first: number
  readonly events: number
  readonly source: string
  readonly schemas: string
}

/** Under which a batch is sent whose first event is this one: it is sent in parts where not all of it is at hand. */
export function partId(batch: string, first: number): string {
  return first === 0 ? batch : `${batch}-${first}`
}

export function eventsIn({ part }: Pick<EncodedRecord, 'part'>): number {
  return part === undefined ? 1 : part.events
}

export function payloadBytes({ payload }: EncodedRecord): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
}

/** @returns the offset behind it */
export function writePayload(into: Buffer, offset: number, { payload }: EncodedRecord): number {
  if (typeof payload === 'string') return offset + into.write(payload, offset)
  into.set(payload, offset)
  return offset + payload.length
}

/** A part of a backlog that is deleted as a whole; the publisher knows nothing more of it. */
export interface BacklogSegment {
  readonly path: string
}

/** A record that the publisher answers for, until a stream has it. */
export interface PendingRecord extends EncodedRecord {
  /** Empty once a stream has it and the disk as well. */
  payload: string | Uint8Array
  readonly stored: ((at: StoredAt) => void) | undefined
  /** When the disk got it, epoch milliseconds. */
  writtenAtMs: number
  /** Where it stands on disk; undefined when it is in memory alone. */
  segment: BacklogSegment | undefined
  position: number
  /** Where it begins in its segment, in bytes. */
  offset: number
  /** Who waits for it while it is in memory alone. */
  commit: object | undefined
}

export function pendingRecord(
  record: EncodedRecord,
  stored: ((at: StoredAt) => void) | undefined,
): PendingRecord {
  const { subject, id, payload, part } = record
  return {
    subject,
    id,
    payload,
    part,
    stored,
    writtenAtMs: 0,
    segment: undefined,
    position: 0,
    offset: 0,
    commit: undefined,
  }
}

/** Where a record stands on disk. */
export type BacklogPosition = Pick<PendingRecord, 'segment' | 'position'>

/** Where events wait until they are sent and acknowledged. */
export interface Backlog {
  /** Events waiting to be sent. */
  readonly waiting: number
  /** True when callers should take no new work. */
  readonly full: boolean
  /** Why events cannot be kept as they should be, or undefined. */
  readonly fault: string | undefined
  /** What one turn of the event loop has brought, in order. */
  add(batch: readonly PendingRecord[]): void
  /** Calls back, in order, when everything added so far is safe. */
  commit(callbacks: Array<() => void>): void
  /** What {@link next} is about to give, unless that finds that its stream has it already. */
  peek(): PendingRecord | undefined
  /** The next record to send. */
  next(): PendingRecord | undefined
  /** @param isKept  its segment may not go before {@link release} */
  acknowledged(pending: PendingRecord, isRetained: boolean): void
  /** The payload of a record that is on disk; undefined when it cannot be read any more. */
  read(record: PendingRecord): Uint8Array | undefined
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
  readonly #queue = new Fifo<PendingRecord>()
  #events = 0
  readonly fault = undefined
  readonly full = false

  get waiting(): number {
    return this.#events
  }

  add(batch: readonly PendingRecord[]): void {
    for (const pending of batch) {
      this.#events += eventsIn(pending)
      this.#queue.push(pending)
    }
  }

  commit(callbacks: Array<() => void>): void {
    for (const callback of callbacks) callback()
  }

  peek(): PendingRecord | undefined {
    return this.#queue.peek()
  }

  next(): PendingRecord | undefined {
    const record = this.#queue.shift()
    if (record) this.#events -= eventsIn(record)
    return record
  }

  acknowledged(): void {}
  read(): undefined {}
  release(): void {}
  recordEnds(): void {}
  tick(): void {}
  close(): void {}
}
