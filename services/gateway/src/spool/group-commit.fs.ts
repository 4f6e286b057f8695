import { type Commit, Commits, type SpooledRecord } from './commits.ts'
import type { SpoolLimits } from './limits.ts'
import { recordBytes } from './record.ts'
import type { Segment } from './segment.fs.ts'
import type { SegmentStore } from './segment-store.fs.ts'
import { SyncFailed, type Writer } from './writer.fs.ts'

/** A turn whose events no sync has confirmed yet. */
interface Unsynced {
  readonly commit: Commit
  readonly events: readonly SpooledRecord[]
}

/**
 * Writes what one turn of the event loop has brought in one write, and runs the turn's callbacks when that is safe: at
 * once, or after a sync that all turns share which were written before it began.
 */
export class GroupCommit {
  readonly #writer: Writer
  readonly #store: SegmentStore
  readonly #limits: SpoolLimits
  readonly #isSynced: boolean
  readonly #onSyncFailed: (error: Error) => void
  readonly #commits = new Commits()
  /** What this turn's callbacks wait for. */
  #turn: Commit | undefined
  #unsynced: Unsynced[] = []
  #syncing = false
  /** A sync failed while another one ran: what that one says is not to be believed. */
  #isDoubtful = false
  /** Batches written, and the time that writing and syncing them took. */
  commits = 0
  commitMs = 0

  constructor(
    writer: Writer,
    store: SegmentStore,
    limits: SpoolLimits,
    isSynced: boolean,
    onSyncFailed: (error: Error) => void,
  ) {
    this.#writer = writer
    this.#store = store
    this.#limits = limits
    this.#isSynced = isSynced
    this.#onSyncFailed = onSyncFailed
  }

  /** Callbacks that ran before their events were known to be safe. */
  get uncertain(): number {
    return this.#commits.uncertain
  }

  /** True while the disk may not have all that was written. */
  get isSyncing(): boolean {
    return this.#syncing || this.#unsynced.length > 0
  }

  /**
   * Writes a batch and gives each event its place on disk.
   * @returns where the batch begins in its segment
   * @throws when the disk fails or the spool is full
   */
  write(batch: readonly SpooledRecord[]): number {
    const startedMs = performance.now()
    const { next } = this.#writer
    const { segment, bytes } = this.#append(batch, 'event')
    const atMs = Date.now()
    let position = next
    let offset = this.#writer.recordsAt
    for (const pending of batch) {
      pending.segment = segment
      pending.position = position++
      pending.offset = offset
      offset += recordBytes(pending)
      pending.writtenAtMs = atMs
    }
    this.commits++
    this.commitMs += performance.now() - startedMs
    if (this.#isSynced) {
      this.#turn = { callbacks: [], left: 1, deadlineMs: startedMs + this.#limits.commitWaitMs }
      this.#unsynced.push({ commit: this.#turn, events: batch })
      if (!this.#syncing) this.#sync()
    }
    return segment.bytes - bytes
  }

  /**
   * After a failed sync the system has dropped what it could not write, and a further sync would succeed all the same: so
   * what no sync has confirmed is written once more, to another segment, and only its sync counts.
   * @throws when the disk fails or the spool is full
   */
  writeAgain(): void {
    const events = this.#unsynced.flatMap(each => each.events)
    if (events.length === 0 || this.#syncing) return
    this.#append(events, 'copy')
    this.#sync()
  }

  /** This turn's callbacks wait until its events are acknowledged, since the disk did not take them. */
  waitForStreams(events: number): Commit {
    const deadlineMs = performance.now() + this.#limits.commitWaitMs
    this.#turn = { callbacks: [], left: events, deadlineMs }
    return this.#turn
  }

  /** What was in memory alone is written now. Where commits are synced its callbacks still wait for the streams. */
  unspooledAreWritten(events: Iterable<SpooledRecord>, nowMs: number): void {
    this.#turn = undefined
    if (!this.#isSynced) {
      for (const pending of events) {
        if (pending.commit) pending.commit.left--
        pending.commit = undefined
      }
    }
    this.#commits.run(nowMs)
  }

  /** Ends the turn: calls back, in order, when its events are safe. */
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

  /** Runs what is safe or overdue. */
  run(nowMs: number): void {
    this.#commits.run(nowMs)
  }

  #append(events: readonly SpooledRecord[], kind: 'event' | 'copy'): { segment: Segment; bytes: number } {
    const { written } = this.#writer
    try {
      const segment = this.#writer.write(events, this.#limits.maxBytes - this.#store.bytes, kind)
      const bytes = this.#writer.written - written
      this.#store.add(segment, bytes)
      return { segment, bytes }
    } catch (error) {
      if (error instanceof SyncFailed && this.#syncing) this.#isDoubtful = true
      throw error
    }
  }

  /** One sync at a time; what is written meanwhile shares the next. */
  #sync(): void {
    const startedMs = performance.now()
    const commits = this.#unsynced
    this.#unsynced = []
    this.#syncing = true
    this.#writer.sync(error => {
      const nowMs = performance.now()
      this.commitMs += nowMs - startedMs
      this.#syncing = false
      if (error || this.#isDoubtful) {
        // These commits wait until they are written again, or for their deadline.
        this.#isDoubtful = false
        this.#unsynced = [...commits, ...this.#unsynced]
        this.#writer.abandon()
        this.#onSyncFailed(error ?? new Error('an earlier sync failed'))
        return
      }
      for (const { commit } of commits) commit.left--
      this.#commits.run(nowMs)
      if (this.#unsynced.length > 0) this.#sync()
    })
  }
}
