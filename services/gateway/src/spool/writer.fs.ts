import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type EncodedRecord, eventsIn } from '@fluxgate/nats'
import { type Home, SEGMENT_SUFFIX } from './home.fs.ts'
import { type RecordKind, recordBytes, writeRecord } from './record.ts'
import { newSegment, type Segment } from './segment.fs.ts'

export interface WriterOptions {
  readonly segmentBytes: number
  /** `commit`: the disk has it (survives a power failure). `off`: the system has it (survives SIGKILL). */
  readonly fsync: 'off' | 'commit'
  /** Earlier events that each new segment repeats at its head, so that older segments can go. */
  readonly carry: () => Iterable<EncodedRecord>
}

const PROBE_BYTES = 256 * 1024
const SCRATCH_BYTES = 1024 ** 2

/** Appends batches to the segments of one directory, each batch in one write. */
export class Writer implements Disposable {
  #home: Home
  readonly #options: WriterOptions
  #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #segment: Segment | undefined
  #fd = -1
  #segments = 0
  #contextBytes = 0
  #abandoned = false
  #isSealed = false
  /** File that is being synced just now; it may not be closed before that ends. */
  #syncing = -1
  /** Position of the next record. */
  next = 0
  /** Where the records of the last batch begin in their segment, behind the context. */
  recordsAt = 0
  /** Bytes ever written. */
  written = 0

  constructor(home: Home, options: WriterOptions) {
    this.#home = home
    this.#options = options
  }

  /** The segment that is written to. */
  get segment(): Segment | undefined {
    return this.#segment
  }

  /**
   * All of the batch or nothing: a failed write is cut off again, and a segment that it would have begun is removed.
   * @param room bytes that it may take
   * @param kind `copy` for events that are in an abandoned segment: they are counted there
   * @returns the segment that the batch is in; its first event has the position that {@link next} had before
   */
  write(events: readonly EncodedRecord[], room: number, kind: 'event' | 'copy' = 'event'): Segment {
    const current = this.#segment
    const fresh =
      current === undefined ||
      this.#abandoned ||
      this.#isSealed ||
      current.bytes >= this.#options.segmentBytes
    const context = fresh ? [...this.#options.carry()] : []
    const bytes = this.#encode(context, events, kind)
    if (bytes > room) throw new SpoolFull()
    const unacknowledged = kind === 'event' ? events.reduce((sum, event) => sum + eventsIn(event), 0) : 0
    if (!fresh) {
      this.#append(this.#fd, current, bytes)
      this.#count(current, events.length, unacknowledged, bytes)
      return current
    }
    const segment = this.#begin(bytes)
    if (current) current.sealed = true
    this.#segment = segment
    this.#abandoned = false
    this.#isSealed = false
    this.#count(segment, events.length, unacknowledged, bytes)
    return segment
  }

  /** The next batch begins a new segment, so that others can stand before it in the order of publishing. */
  seal(): void {
    this.#isSealed = this.#segment !== undefined
  }

  /** Begins again in another directory; what was written to this one is another process's now. */
  moveTo(home: Home): void {
    this.#retire()
    this.#segment = undefined
    this.#home = home
    this.#segments = 0
    this.#abandoned = false
    this.#isSealed = false
    this.next = 0
  }

  /** Calls back when all that was written before is on the disk itself. */
  sync(done: (error: Error | null) => void): void {
    const fd = this.#fd
    this.#syncing = fd
    fdatasync(fd, error => {
      this.#syncing = -1
      if (fd !== this.#fd) closeSync(fd)
      done(error)
    })
  }

  /** Throws unless the disk takes a write of some size. */
  probe(): void {
    const path = join(this.#home.path, 'probe')
    const fd = openSync(path, 'w', 0o600)
    try {
      writeAll(fd, Buffer.alloc(PROBE_BYTES), PROBE_BYTES, 0)
    } finally {
      closeSync(fd)
      unlinkSync(path)
    }
  }

  /** The next batch begins a new segment: what was written to this one may not be on the disk. */
  abandon(): void {
    this.#abandoned = true
  }

  [Symbol.dispose](): void {
    this.#retire()
    this.#segment = undefined
  }

  #encode(context: readonly EncodedRecord[], events: readonly EncodedRecord[], kind: RecordKind): number {
    let bytes = 0
    for (const event of context) bytes += recordBytes(event)
    for (const event of events) bytes += recordBytes(event)
    if (bytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(bytes)
    const atMs = Date.now()
    let position = this.next
    let at = 0
    for (const event of context) at = writeRecord(this.#scratch, at, 'context', event, position, atMs)
    this.#contextBytes = at
    for (const event of events) at = writeRecord(this.#scratch, at, kind, event, position++, atMs)
    return bytes
  }

  #append(fd: number, segment: Segment, bytes: number): void {
    try {
      writeAll(fd, this.#scratch, bytes, segment.bytes)
    } catch (error) {
      // What stands behind `bytes` is overwritten by the next write, and no record to a reader after a crash.
      ftruncateSync(fd, segment.bytes)
      throw error
    }
  }

  #count(segment: Segment, events: number, unacknowledged: number, bytes: number): void {
    this.recordsAt = segment.bytes + this.#contextBytes
    segment.bytes += bytes
    segment.unacknowledged += unacknowledged
    this.next += events
    this.written += bytes
    if (this.#scratch.length > SCRATCH_BYTES) this.#scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  }

  /** Writes the encoded batch to a new file; the one before it is whole on the disk by then, if it has to be. */
  #begin(bytes: number): Segment {
    const synced = this.#options.fsync === 'commit'
    if (synced && this.#fd !== -1 && !this.#abandoned) this.#syncNow()
    const path = join(this.#home.path, `${String(++this.#segments).padStart(9, '0')}${SEGMENT_SUFFIX}`)
    const segment = newSegment(path, this.#home)
    const fd = openSync(path, 'wx', 0o600)
    try {
      if (synced) syncDirectory(this.#home.path)
      this.#append(fd, segment, bytes)
    } catch (error) {
      closeSync(fd)
      unlinkSync(path)
      throw error
    }
    this.#retire()
    this.#fd = fd
    return segment
  }

  #syncNow(): void {
    try {
      fdatasyncSync(this.#fd)
    } catch (cause) {
      this.#abandoned = true
      throw new SyncFailed(cause)
    }
  }

  #retire(): void {
    if (this.#fd !== -1 && this.#fd !== this.#syncing) closeSync(this.#fd)
    this.#fd = -1
  }
}

/** The disk may not have what was written since the last sync, and a further sync of the same file would not say so. */
export class SyncFailed extends Error {
  readonly code = 'FLUXGATE_SPOOL_SYNC_FAILED'

  constructor(cause: unknown) {
    super((cause as Error).message, { cause })
  }
}

/** The spool has its own limit: to the callers the same as a full disk. */
export class SpoolFull extends Error {
  readonly code = 'FLUXGATE_SPOOL_FULL'

  constructor() {
    super('the spool is full')
  }
}

function writeAll(fd: number, bytes: Buffer, length: number, position: number): void {
  let written = 0
  while (written < length) written += writeSync(fd, bytes, written, length - written, position + written)
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
