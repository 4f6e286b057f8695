import type { Backlog, Held } from '../backlog.ts'
import { Fifo } from '../fifo.ts'
import type { LinkLog } from '../link.ts'
import type { Adopted } from './adopt.ts'
import { type Commit, Commits } from './commits.ts'
import { Cursor } from './cursor.ts'
import type { Home } from './home.ts'
import { keepClaim } from './owner.ts'
import type { SpoolRecord } from './record.ts'
import { Shelf } from './shelf.ts'
import { SpoolFull, Writer, type WriterOptions } from './writer.ts'

export interface SpoolLimits {
  /** Bytes on disk that all segments together may take. */
  readonly maxBytes: number
  /** Events waiting in memory; what is beyond is read back from the disk when its turn comes. */
  readonly maxQueued: number
  /** Events that are kept in memory alone while the disk takes none. */
  readonly maxUnspooled: number
  /** How long a commit waits for a stream's acknowledgement when the disk did not take its events. */
  readonly commitWaitMs: number
}

export const DEFAULT_SPOOL_LIMITS: SpoolLimits = Object.freeze({
  maxBytes: 1024 ** 3,
  maxQueued: 8_192,
  maxUnspooled: 65_536,
  commitWaitMs: 2_000,
})

/** Figures for metrics; the counts are since the start. */
export interface SpoolFigures {
  readonly bytes: number
  readonly commits: number
  /** Writing (and syncing, where commits are synced), milliseconds. */
  readonly commitMs: number
  /** Times the disk failed or was full. */
  readonly faults: number
  readonly damagedBytes: number
  /** Events of earlier processes that their streams held already. */
  readonly alreadyStored: number
  /** Commits that were answered before their events were known to be safe. */
  readonly uncertain: number
  /** Events given up because the disk failed and memory was full. */
  readonly lost: number
  /** Age of the oldest event that waits to be sent, milliseconds. */
  readonly oldestMs: number
}

/** This share of the bytes is kept for work in flight: new work is refused before. */
const RESERVE = 1 / 8
const PROBE_EVERY_MS = 1_000
const CLAIM_EVERY_MS = 10_000

/**
 * A backlog on disk. Every batch is written before it is sent. While streams keep up, events go from memory; when they
 * do not, the disk alone holds what is beyond `maxQueued`, and it is read back in order. When the disk fails, events of
 * work in flight stay in memory and go out all the same; new work is refused until it is back.
 */
export class Spool implements Backlog {
  readonly #writer: Writer
  readonly #shelf: Shelf
  readonly #home: Home
  readonly #limits: SpoolLimits
  readonly #options: WriterOptions
  readonly #log: LinkLog
  readonly #commits = new Commits()
  /** Next to be sent. */
  readonly #queue = new Fifo<Held>()
  /** Set while the disk holds events that are not in the queue. */
  #cursor: Cursor | undefined
  /** In memory alone; the first of them may be sent already. */
  readonly #unspooled = new Set<Held>()
  /** In memory alone, and to be sent after what is behind. */
  readonly #afterDisk = new Fifo<Held>()
  /** Who waits for the acknowledgement of an event that only the disk holds, by id. */
  readonly #stored = new Map<string, Held['stored']>()
  #skip = new Map<string, unknown>()
  #unsent = 0
  #fault: string | undefined
  #probeAtMs = 0
  #claimAtMs = 0
  /** What this turn's callbacks wait for. */
  #turn: Commit | undefined
  /** Where the last batch begins in its segment. */
  #batchOffset = 0
  #unsynced: Commit[] = []
  #syncing = false
  readonly #counts = { commits: 0, commitMs: 0, faults: 0, damagedBytes: 0, alreadyStored: 0, lost: 0 }

  constructor(
    root: string,
    home: Home,
    adopted: readonly Adopted[],
    limits: SpoolLimits,
    options: WriterOptions,
    log: LinkLog,
  ) {
    this.#home = home
    this.#limits = limits
    this.#options = options
    this.#log = log
    this.#writer = new Writer(home, options)
    this.#shelf = new Shelf(root, home, adopted, log)
    this.#unsent = this.#shelf.unacknowledged
    this.#counts.damagedBytes = adopted.reduce((bytes, each) => bytes + each.damagedBytes, 0)
    const { first } = this.#shelf
    if (first) this.#cursor = new Cursor(first, 0, first.home.acknowledgedBelow)
  }

  get waiting(): number {
    return this.#unsent
  }

  get full(): boolean {
    return this.#fault !== undefined || this.#crowded
  }

  get fault(): string | undefined {
    return this.#fault ?? (this.#crowded ? 'the spool is full but for its reserve' : undefined)
  }

  get figures(): SpoolFigures {
    const next = this.#queue.peek()
    return {
      ...this.#counts,
      bytes: this.#shelf.bytes,
      uncertain: this.#commits.uncertain,
      oldestMs: next?.segment ? Math.max(0, Date.now() - next.heldAtMs) : 0,
    }
  }

  /** Events of earlier processes that their streams hold already: they are not sent again. */
  skip(ids: Map<string, unknown>): void {
    this.#skip = ids
  }

  /** Called when all that was to be learnt from what earlier processes left is written down here. */
  releaseAdopted(): void {
    this.#shelf.releaseAdopted()
  }

  add(batch: readonly Held[]): void {
    if (batch.length === 0) return
    if (this.#fault !== undefined || !this.#write(batch)) {
      this.#keepInMemory(batch)
      return
    }
    this.#unsent += batch.length
    if (this.#cursor === undefined && this.#queue.length + batch.length <= this.#limits.maxQueued) {
      for (const held of batch) this.#queue.push(held)
      return
    }
    const { segment, position } = batch[0]!
    this.#cursor ??= new Cursor(segment!, this.#batchOffset, position)
    for (const { id, stored } of batch) if (stored) this.#stored.set(id, stored)
  }

  commit(callbacks: Array<() => void>): void {
    const turn = this.#turn
    this.#turn = undefined
    if (turn) {
      for (const callback of callbacks) turn.callbacks.push(callback)
      this.#commits.add(turn)
    } else if (this.#commits.size === 0) {
      for (const callback of callbacks) callback()
    } else if (callbacks.length > 0) {
      this.#commits.add({ callbacks, left: 0, deadlineMs: 0 })
    }
  }

  next(): Held | undefined {
    for (;;) {
      if (this.#queue.length === 0 && !this.#readOn()) return undefined
      const held = this.#queue.shift()!
      this.#unsent--
      const { segment, position } = held
      if (segment && position >= segment.home.sendLimit) {
        this.#attempt(() => segment.home.sending(position), 'spool marks cannot be written')
      }
      if (this.#skip.size === 0 || !this.#skip.delete(held.id)) return held
      this.#counts.alreadyStored++
      this.acknowledged(held)
    }
  }

  acknowledged(held: Held): void {
    if (held.segment) held.segment.unacknowledged--
    else this.#unspooled.delete(held)
    if (held.commit && --held.commit.left === 0) this.#commits.run(performance.now())
  }

  tick(outstanding: Iterable<Held>): void {
    const nowMs = performance.now()
    this.#commits.run(nowMs)
    if (this.#fault !== undefined && nowMs >= this.#probeAtMs) this.#probe(nowMs)
    this.#attempt(() => this.#tidy(outstanding), 'the spool cannot be tidied')
    if (nowMs < this.#claimAtMs) return
    this.#claimAtMs = nowMs + CLAIM_EVERY_MS
    this.#attempt(() => keepClaim(this.#home.path), 'the spool cannot be claimed')
  }

  /** What is not stored, or not ended, stays on disk for the next process. */
  close(outstanding: Iterable<Held>): void {
    this.#attempt(() => this.#tidy(outstanding), 'the spool cannot be tidied')
    this.#cursor?.[Symbol.dispose]()
    this.#writer[Symbol.dispose]()
    const running = !this.#options.carry()[Symbol.iterator]().next().done
    this.#shelf.close(running)
  }

  get #crowded(): boolean {
    return this.#shelf.bytes > this.#limits.maxBytes * (1 - RESERVE)
  }

  #write(batch: readonly Held[]): boolean {
    const startedMs = performance.now()
    const { next, written } = this.#writer
    let position = next
    try {
      const segment = this.#writer.write(batch, this.#limits.maxBytes - this.#shelf.bytes)
      const bytes = this.#writer.written - written
      this.#shelf.add(segment, bytes)
      this.#batchOffset = segment.bytes - bytes
      const atMs = Date.now()
      for (const held of batch) {
        held.segment = segment
        held.position = position++
        held.heldAtMs = atMs
      }
    } catch (error) {
      this.#fail(error)
      return false
    }
    this.#counts.commits++
    this.#counts.commitMs += performance.now() - startedMs
    if (this.#options.fsync === 'commit') {
      this.#turn = { callbacks: [], left: 1, deadlineMs: startedMs + this.#limits.commitWaitMs }
      this.#unsynced.push(this.#turn)
      if (!this.#syncing) this.#sync()
    }
    return true
  }

  /** One sync at a time; what is written meanwhile shares the next. */
  #sync(): void {
    const startedMs = performance.now()
    const commits = this.#unsynced
    this.#unsynced = []
    this.#syncing = true
    this.#writer.sync(error => {
      const nowMs = performance.now()
      this.#counts.commitMs += nowMs - startedMs
      this.#syncing = false
      if (error) {
        // The system has dropped what it could not write: these commits wait for their deadline.
        this.#writer.abandon()
        this.#fail(error)
        return
      }
      for (const commit of commits) commit.left--
      this.#commits.run(nowMs)
      if (this.#unsynced.length > 0) this.#sync()
    })
  }

  #keepInMemory(batch: readonly Held[]): void {
    const room = Math.max(0, this.#limits.maxUnspooled - this.#unspooled.size)
    const kept = batch.length <= room ? batch : batch.slice(0, room)
    if (kept.length < batch.length) {
      this.#counts.lost += batch.length - kept.length
      this.#log.error(
        { events: batch.length - kept.length, fault: this.#fault },
        'events lost: no disk, no memory',
      )
    }
    const deadlineMs = performance.now() + this.#limits.commitWaitMs
    // A lost event counts as missing until the deadline.
    const commit: Commit = { callbacks: [], left: batch.length, deadlineMs }
    this.#turn = commit
    this.#unsent += kept.length
    const queue = this.#cursor ? this.#afterDisk : this.#queue
    for (const held of kept) {
      held.commit = commit
      this.#unspooled.add(held)
      queue.push(held)
    }
  }

  #fail(error: unknown): void {
    const fault = error instanceof Error ? error.message : String(error)
    this.#counts.faults++
    this.#fault = fault
    this.#probeAtMs = performance.now() + PROBE_EVERY_MS
    this.#log.error({ err: error }, 'the spool takes no events: new requests are refused')
  }

  /** The disk may be back: what stayed in memory is written first, and takes its place in the order. */
  #probe(nowMs: number): void {
    this.#probeAtMs = nowMs + PROBE_EVERY_MS
    const events = [...this.#unspooled]
    try {
      if (this.#crowded) throw new SpoolFull()
      this.#writer.probe()
    } catch {
      return
    }
    this.#fault = undefined
    if (events.length > 0 && !this.#write(events)) return
    this.#log.info({ events: events.length }, 'the spool takes events again')
    this.#unspooled.clear()
    this.#turn = undefined
    // Where commits are synced, these still wait for their stream.
    if (this.#options.fsync === 'off') {
      for (const held of events) {
        if (held.commit) held.commit.left--
        held.commit = undefined
      }
    }
    // These were not sent, and will be read back with the rest.
    for (const { id, stored } of this.#afterDisk) if (stored) this.#stored.set(id, stored)
    this.#afterDisk.clear()
    this.#commits.run(nowMs)
  }

  /** The queue is empty: fills it with what comes next. */
  #readOn(): boolean {
    if (!this.#cursor) return false
    let records: SpoolRecord[] | undefined
    const { damagedBytes } = this.#cursor
    try {
      records = this.#cursor.read()
    } catch (error) {
      this.#fail(error)
      return false
    }
    this.#counts.damagedBytes += this.#cursor.damagedBytes - damagedBytes
    if (records) {
      for (const record of records) this.#queue.push(this.#heldOf(record))
      return true
    }
    this.#cursor[Symbol.dispose]()
    this.#cursor = undefined
    for (const held of this.#afterDisk) this.#queue.push(held)
    this.#afterDisk.clear()
    this.#unsent = this.#queue.length
    return this.#queue.length > 0
  }

  #heldOf(record: SpoolRecord): Held {
    const { id, subject, payload, position, atMs } = record
    const stored = this.#stored.get(id)
    if (stored) this.#stored.delete(id)
    return {
      id,
      subject,
      payload,
      position,
      stored,
      heldAtMs: atMs,
      segment: this.#cursor!.segment,
      sentAtMs: 0,
      firstSentAtMs: 0,
      ackedAtMs: 0,
      commit: undefined,
    }
  }

  #tidy(outstanding: Iterable<Held>): void {
    this.#shelf.mark(both(outstanding, this.#queue), this.#cursor, this.#writer.next)
    // What a new segment repeats must be on the disk before the old one goes.
    if (!this.#syncing) this.#shelf.removeStored(this.#cursor)
  }

  #attempt(action: () => void, complaint: string): void {
    try {
      action()
    } catch (error) {
      this.#counts.faults++
      this.#log.error({ err: error }, complaint)
    }
  }
}

function* both(first: Iterable<Held>, second: Iterable<Held>): Generator<Held> {
  yield* first
  yield* second
}
