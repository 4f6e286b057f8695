import { closeSync, openSync } from 'node:fs'
import type { SpoolRecord } from './record.ts'
import { isPublished, readRecords, type Segment } from './segment.fs.ts'

const READ_BYTES = 256 * 1024

/** Reads events back from the disk, in the order of publishing. */
export class Cursor implements Disposable {
  #segment: Segment
  #offset = 0
  #fd = -1
  /** Position behind the last event read, in the segment's own directory. */
  position = 0
  /** Bytes that were no records, in what was read so far. */
  damagedBytes = 0

  /** @param offset where the first unread record begins */
  constructor(segment: Segment, offset: number, position: number) {
    this.#segment = segment
    this.#offset = offset
    this.position = position
  }

  get segment(): Segment {
    return this.#segment
  }

  /** The next events, at least one; undefined when there is nothing more on disk for now. */
  read(): SpoolRecord[] | undefined {
    for (;;) {
      const segment = this.#segment
      if (this.#offset >= segment.bytes) {
        if (!segment.next) return undefined
        this.#moveTo(segment.next)
        continue
      }
      if (this.#fd === -1) this.#fd = openSync(segment.path, 'r')
      const { records, offset, damagedBytes } = readRecords(this.#fd, this.#offset, segment.bytes, READ_BYTES)
      this.#offset = offset
      if (damagedBytes > 0) {
        this.damagedBytes += damagedBytes
        segment.damaged = true
      }
      const events = records.filter(record => isPublished(record, segment.home))
      if (events.length === 0) continue
      this.position = events[events.length - 1]!.position + 1
      return events
    }
  }

  #moveTo(segment: Segment): void {
    this[Symbol.dispose]()
    if (segment.home !== this.#segment.home) this.position = 0
    this.#segment = segment
    this.#offset = 0
  }

  [Symbol.dispose](): void {
    if (this.#fd !== -1) closeSync(this.#fd)
    this.#fd = -1
  }
}
