import { eventsIn, Fifo, pendingRecord } from '@fluxgate/nats'
import type { SpooledRecord } from './commits.ts'
import { Cursor } from './cursor.fs.ts'
import type { SpoolRecord } from './record.ts'
import type { Segment } from './segment.fs.ts'

/**
 * What is sent next: events from memory as long as they are few; then those that only the disk holds, read back in
 * order; then those that the disk did not take meanwhile.
 */
export class SendOrder implements Disposable {
  readonly #maxQueued: number
  readonly #queue = new Fifo<SpooledRecord>()
  #queuedEvents = 0
  /** Set while the disk holds events that are not in the queue. */
  #cursor: Cursor | undefined
  /** In memory alone, and to be sent after what is behind the cursor. */
  readonly #afterDisk = new Fifo<SpooledRecord>()
  /** Who waits for the acknowledgement of an event that only the disk holds, by id. */
  readonly #stored = new Map<string, SpooledRecord['stored']>()
  /** Events that are not sent yet, wherever they are. */
  waiting: number
  /** Bytes between records that were none, in what was read back. */
  damagedBytes = 0

  /**
   * @param first where the events of dead processes begin
   * @param waiting how many those are
   */
  constructor(maxQueued: number, first: Segment | undefined, waiting: number) {
    this.#maxQueued = maxQueued
    this.waiting = waiting
    if (first) this.#cursor = new Cursor(first, 0, first.home.acknowledgedBelow)
  }

  /** Where the disk is read on, while it holds events that memory does not. */
  get cursor(): Cursor | undefined {
    return this.#cursor
  }

  /** Events in memory that come next. */
  get queue(): Iterable<SpooledRecord> {
    return this.#queue
  }

  /** More of dead processes, behind all that is on the disk. */
  addAdopted(first: Segment, events: number): void {
    this.waiting += events
    this.#cursor ??= new Cursor(first, 0, first.home.acknowledgedBelow)
  }

  /** What was on the disk is another process's now: what is in memory alone stays. */
  forgetSpooled(): void {
    this.#cursor?.[Symbol.dispose]()
    this.#cursor = undefined
    this.#stored.clear()
    const left = [...this.#queue, ...this.#afterDisk].filter(pending => pending.segment === undefined)
    this.#queue.clear()
    this.#afterDisk.clear()
    for (const pending of left) this.#queue.push(pending)
    this.waiting = countEvents(left)
    this.#queuedEvents = this.waiting
  }

  /** The next record, where memory has it. */
  get head(): SpooledRecord | undefined {
    return this.#queue.peek()
  }

  /** The next record, which stays. @throws when the disk cannot be read */
  peek(): SpooledRecord | undefined {
    return this.#queue.length > 0 || this.#readOn() ? this.#queue.peek() : undefined
  }

  /** @param offset where the batch begins in its segment */
  addSpooled(batch: readonly SpooledRecord[], offset: number): void {
    const events = countEvents(batch)
    this.waiting += events
    if (this.#cursor === undefined && this.#queuedEvents + events <= this.#maxQueued) {
      for (const pending of batch) this.#push(pending)
      return
    }
    const { segment, position } = batch[0]!
    this.#cursor ??= new Cursor(segment!, offset, position)
    for (const pending of batch) this.#leaveToDisk(pending)
  }

  /** Events that are in memory alone. */
  addUnspooled(events: readonly SpooledRecord[]): void {
    this.waiting += countEvents(events)
    for (const pending of events) {
      if (this.#cursor) this.#afterDisk.push(pending)
      else this.#push(pending)
    }
  }

  /** What was in memory alone is on disk now, behind all that was there: it will be read back with the rest. */
  unspooledAreWritten(): void {
    for (const pending of this.#afterDisk) this.#leaveToDisk(pending)
    this.#afterDisk.clear()
  }

  /** @throws when the disk cannot be read */
  next(): SpooledRecord | undefined {
    const next = this.peek()
    if (!next) return undefined
    this.#queue.shift()
    this.waiting -= eventsIn(next)
    this.#queuedEvents -= eventsIn(next)
    return next
  }

  #push(pending: SpooledRecord): void {
    this.#queue.push(pending)
    this.#queuedEvents += eventsIn(pending)
  }

  [Symbol.dispose](): void {
    this.#cursor?.[Symbol.dispose]()
  }

  #leaveToDisk({ id, stored }: SpooledRecord): void {
    if (stored) this.#stored.set(id, stored)
  }

  /** The queue is empty: fills it with what comes next. */
  #readOn(): boolean {
    if (!this.#cursor) return false
    const { damagedBytes } = this.#cursor
    const records = this.#cursor.read()
    this.damagedBytes += this.#cursor.damagedBytes - damagedBytes
    if (records) {
      for (const record of records) this.#push(this.#heldOf(record, this.#cursor.segment))
      return true
    }
    this.#cursor[Symbol.dispose]()
    this.#cursor = undefined
    for (const pending of this.#afterDisk) this.#push(pending)
    this.#afterDisk.clear()
    this.waiting = this.#queuedEvents
    return this.#queue.length > 0
  }

  #heldOf(record: SpoolRecord, segment: Segment): SpooledRecord {
    const stored = this.#stored.get(record.id)
    if (stored) this.#stored.delete(record.id)
    const { position, offset, atMs: writtenAtMs } = record
    return Object.assign(pendingRecord(record, stored), {
      segment,
      position,
      offset,
      writtenAtMs,
    }) as SpooledRecord
  }
}

function countEvents(records: readonly SpooledRecord[]): number {
  return records.reduce((sum, record) => sum + eventsIn(record), 0)
}
