import { existsSync } from 'node:fs'
import { type Backlog, eventsIn, type LinkLog, type StreamEnds } from '@fluxgate/nats'
import type { Adopted } from './adopt.fs.ts'
import type { SpooledRecord, SpoolPosition } from './commits.ts'
import { GroupCommit } from './group-commit.fs.ts'
import type { Home } from './home.fs.ts'
import type { SpoolLimits } from './limits.ts'
import { claim, keepClaim } from './owner.fs.ts'
import { readRecordAt, type Segment } from './segment.fs.ts'
import { SegmentStore } from './segment-store.fs.ts'
import { SendOrder } from './send-order.fs.ts'
import { SpoolFull, Writer, type WriterOptions } from './writer.fs.ts'

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

/** What the spool asks of whoever opened it: a directory instead of one that another process has taken. */
export type Reopen = () => Home

/** This share of the bytes is kept for work in flight: new work is refused before. */
const RESERVE = 1 / 8
const PROBE_EVERY_MS = 1_000
/** A process that was stopped for so long looks whether its directory is still its own before it writes. */
const CLAIM_OVERDUE_MS = 10_000

/**
 * A backlog on disk. Every batch is written before it is sent. While streams keep up, events go from memory; when they
 * do not, the disk alone holds what is beyond `maxQueued`, and it is read back in order. When the disk fails, events of
 * work in flight stay in memory and go out all the same; new work is refused until it is back.
 */
export class Spool implements Backlog {
  readonly #writer: Writer
  readonly #store: SegmentStore
  readonly #order: SendOrder
  readonly #group: GroupCommit
  #home: Home
  readonly #limits: SpoolLimits
  readonly #options: WriterOptions
  readonly #reopen: Reopen
  readonly #log: LinkLog
  /** In memory alone, sent or not. */
  readonly #unspooled = new Set<SpooledRecord>()
  #unspooledEvents = 0
  #skip = new Map<string, unknown>()
  #fault: string | undefined
  #probeAtMs = 0
  #tidyAtMs = 0
  #claimAtMs: number
  readonly #counts = { faults: 0, alreadyStored: 0, lost: 0 }

  constructor(
    root: string,
    home: Home,
    adopted: readonly Adopted[],
    limits: SpoolLimits,
    options: WriterOptions,
    reopen: Reopen,
    log: LinkLog,
  ) {
    this.#home = home
    this.#limits = limits
    this.#options = options
    this.#reopen = reopen
    this.#claimAtMs = performance.now() + limits.claimEveryMs
    this.#log = log
    this.#writer = new Writer(home, options)
    this.#store = new SegmentStore(root, home, adopted, log)
    this.#order = new SendOrder(limits.maxQueued, this.#store.first, this.#store.unacknowledged)
    this.#order.damagedBytes = adopted.reduce((bytes, each) => bytes + each.damagedBytes, 0)
    const isSynced = options.fsync === 'commit'
    this.#group = new GroupCommit(this.#writer, this.#store, limits, isSynced, error => this.#fail(error))
  }

  get waiting(): number {
    return this.#order.waiting
  }

  get full(): boolean {
    return this.#fault !== undefined || this.#crowded
  }

  get fault(): string | undefined {
    return this.#fault ?? (this.#crowded ? 'the spool is full but for its reserve' : undefined)
  }

  get figures(): SpoolFigures {
    const next = this.#order.head
    const { commits, commitMs, uncertain } = this.#group
    return {
      ...this.#counts,
      commits,
      commitMs,
      uncertain,
      damagedBytes: this.#order.damagedBytes,
      bytes: this.#store.bytes,
      oldestMs: next?.segment ? Math.max(0, Date.now() - next.writtenAtMs) : 0,
    }
  }

  /** The directory that this process writes to. */
  get path(): string {
    return this.#home.path
  }

  /** Directories of dead processes in it whose events are not all stored yet. */
  get adoptedPaths(): Set<string> {
    return this.#store.adoptedPaths
  }

  /** Events of earlier processes that their streams hold already: they are not sent again. */
  skip(ids: Map<string, unknown>): void {
    for (const [id, at] of ids) this.#skip.set(id, at)
  }

  /**
   * Publishes what processes left that died meanwhile, after all that is here and before all that comes.
   * @returns false while the disk fails, or when the directory has been taken from us since: nothing is done then
   */
  addAdopted(adopted: readonly Adopted[]): boolean {
    if (this.#fault !== undefined || this.#unspooled.size > 0) return false
    if (adopted.some(({ home }) => !home.path.startsWith(`${this.#home.path}/`))) return false
    this.#writer.seal()
    this.#store.addAdopted(adopted)
    for (const { segments, damagedBytes } of adopted) {
      const events = segments.reduce((sum, segment) => sum + segment.unacknowledged, 0)
      if (segments[0]) this.#order.addAdopted(segments[0], events)
      this.#order.damagedBytes += damagedBytes
    }
    return true
  }

  /** Called when all that was to be learnt from what earlier processes left is written down here. */
  releaseAdopted(): void {
    this.#store.releaseAdopted()
  }

  add(batch: readonly SpooledRecord[]): void {
    if (batch.length === 0) return
    const nowMs = performance.now()
    if (nowMs > this.#claimAtMs + CLAIM_OVERDUE_MS) this.#keepClaim(nowMs)
    const offset = this.#fault === undefined ? this.#write(batch) : undefined
    if (offset === undefined) this.#keepInMemory(batch)
    else this.#order.addSpooled(batch, offset)
  }

  commit(callbacks: Array<() => void>): void {
    this.#group.commit(callbacks)
  }

  peek(): SpooledRecord | undefined {
    return this.#read(() => this.#order.peek())
  }

  next(): SpooledRecord | undefined {
    for (;;) {
      const pending = this.#read(() => this.#order.next())
      if (!pending) return undefined
      const { segment, position } = pending
      if (segment && position >= segment.home.sendLimit) {
        this.#attempt(() => segment.home.sending(position), 'spool marks cannot be written')
      }
      if (this.#skip.size === 0 || !this.#skip.delete(pending.id)) return pending
      this.#counts.alreadyStored += eventsIn(pending)
      this.acknowledged(pending)
    }
  }

  acknowledged(pending: SpooledRecord, isRetained = false): void {
    if (!pending.segment) {
      if (this.#unspooled.delete(pending)) this.#unspooledEvents -= eventsIn(pending)
    } else if (!isRetained) pending.segment.unacknowledged -= eventsIn(pending)
    if (pending.commit && --pending.commit.left === 0) this.#group.run(performance.now())
  }

  read({ segment, offset }: SpooledRecord): Uint8Array | undefined {
    if (!segment) return undefined
    return this.#attempt(() => readRecordAt(segment.path, offset).payload, 'a record cannot be read back')
  }

  release(segment: Segment, events: number): void {
    segment.unacknowledged -= events
  }

  recordEnds(ends: StreamEnds): void {
    const { next } = this.#writer
    this.#attempt(() => this.#home.recordEnds(next, ends), 'the ends of the streams cannot be written')
  }

  tick(outstanding: Iterable<SpoolPosition>): void {
    const nowMs = performance.now()
    this.#group.run(nowMs)
    if (this.#fault !== undefined && nowMs >= this.#probeAtMs) this.#probe(nowMs)
    if (nowMs >= this.#tidyAtMs) {
      this.#tidyAtMs = nowMs + this.#limits.tidyEveryMs
      this.#attempt(() => this.#tidy(outstanding), 'the spool cannot be tidied')
    }
    if (nowMs >= this.#claimAtMs) this.#keepClaim(nowMs)
  }

  /** What is not stored, or not ended, stays on disk for the next process. */
  close(outstanding: Iterable<SpoolPosition>): void {
    this.#attempt(() => this.#tidy(outstanding), 'the spool cannot be tidied')
    this.#order[Symbol.dispose]()
    this.#writer[Symbol.dispose]()
    const running = !this.#options.carry()[Symbol.iterator]().next().done
    this.#store.close(running)
  }

  #keepClaim(nowMs: number): void {
    this.#claimAtMs = nowMs + this.#limits.claimEveryMs
    this.#attempt(() => {
      try {
        keepClaim(this.#home.path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        if (existsSync(this.#home.path)) claim(this.#home.path)
        else this.#moveOut()
      }
    }, 'the spool cannot be claimed')
  }

  /** Another process took us for dead, as after a long stop: it publishes what is in the directory, and we begin anew. */
  #moveOut(): void {
    const lost = this.#home.path
    this.#home = this.#reopen()
    this.#store.moveTo(this.#home)
    this.#writer.moveTo(this.#home)
    this.#order.forgetSpooled()
    this.#skip.clear()
    this.#log.error(
      { lost, path: this.#home.path },
      'another process has taken the spool: a new one is opened',
    )
  }

  get #crowded(): boolean {
    return this.#store.bytes > this.#limits.maxBytes * (1 - RESERVE)
  }

  #read(from: () => SpooledRecord | undefined): SpooledRecord | undefined {
    try {
      return from()
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  /** @returns where the batch begins in its segment; undefined when the disk did not take it */
  #write(batch: readonly SpooledRecord[]): number | undefined {
    try {
      return this.#group.write(batch)
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #keepInMemory(batch: readonly SpooledRecord[]): void {
    const retained: SpooledRecord[] = []
    let lost = 0
    for (const record of batch) {
      const events = eventsIn(record)
      if (this.#unspooledEvents + events > this.#limits.maxUnspooled) {
        lost += events
        continue
      }
      this.#unspooledEvents += events
      retained.push(record)
    }
    if (lost > 0) {
      this.#counts.lost += lost
      this.#log.error({ events: lost, fault: this.#fault }, 'events lost: no disk, no memory')
    }
    // A lost record counts as missing until the deadline.
    const commit = this.#group.waitForStreams(batch.length)
    for (const pending of retained) {
      pending.commit = commit
      this.#unspooled.add(pending)
    }
    this.#order.addUnspooled(retained)
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
    try {
      this.#group.writeAgain()
    } catch (error) {
      this.#fail(error)
      return
    }
    if (events.length > 0 && this.#write(events) === undefined) return
    this.#log.info({ events: events.length }, 'the spool takes events again')
    this.#unspooled.clear()
    this.#unspooledEvents = 0
    this.#order.unspooledAreWritten()
    this.#group.unspooledAreWritten(events, nowMs)
  }

  #tidy(outstanding: Iterable<SpoolPosition>): void {
    const { cursor, queue } = this.#order
    this.#store.mark(both(outstanding, queue), cursor, this.#writer.next)
    // What a new segment repeats must be on the disk before the old one goes.
    if (!this.#group.isSyncing) this.#store.removeStored(cursor)
  }

  #attempt<T>(action: () => T, complaint: string): T | undefined {
    try {
      return action()
    } catch (error) {
      this.#counts.faults++
      this.#log.error({ err: error }, complaint)
      return undefined
    }
  }
}

function* both(first: Iterable<SpoolPosition>, second: Iterable<SpoolPosition>): Generator<SpoolPosition> {
  yield* first
  yield* second
}
