import { renameSync, unlink } from 'node:fs'
import { basename, join } from 'node:path'
import type { LinkLog } from '@fluxgate/nats'
import type { Adopted } from './adopt.fs.ts'
import type { SpoolPosition } from './commits.ts'
import type { Cursor } from './cursor.fs.ts'
import type { Home } from './home.fs.ts'
import { giveUp } from './owner.fs.ts'
import type { Segment } from './segment.fs.ts'
import { DAMAGED, removeDirectory } from './take-dead.fs.ts'

/** The segments on disk, in the order of publishing: those of dead processes first, then our own. */
export class SegmentStore {
  readonly #root: string
  #own: Home
  readonly #homes = new Set<Home>()
  readonly #segments = new Set<Segment>()
  readonly #log: LinkLog
  /** Stored segments that could not be deleted: they count until they can. */
  readonly #undeleted = new Set<Segment>()
  #last: Segment | undefined
  #retainAdopted = false
  bytes = 0

  constructor(root: string, own: Home, adopted: readonly Adopted[], log: LinkLog) {
    this.#root = root
    this.#own = own
    this.#log = log
    this.addAdopted(adopted)
    this.#homes.add(own)
  }

  /** Puts what dead processes left behind all that is here; none of it is deleted before {@link releaseAdopted}. */
  addAdopted(adopted: readonly Adopted[]): void {
    if (adopted.length > 0) this.#retainAdopted = true
    for (const { home, segments } of adopted) {
      this.#homes.add(home)
      for (const segment of segments) this.add(segment, segment.bytes)
    }
  }

  /** Directories of dead processes whose events are not all stored yet. */
  get adoptedPaths(): Set<string> {
    return new Set([...this.#homes].filter(home => home !== this.#own).map(({ path }) => path))
  }

  /** All that is here is another process's now: begins again in a directory of its own. */
  moveTo(own: Home): void {
    for (const home of this.#homes) home[Symbol.dispose]()
    this.#homes.clear()
    this.#segments.clear()
    this.#undeleted.clear()
    this.#last = undefined
    this.#retainAdopted = false
    this.bytes = 0
    this.#own = own
    this.#homes.add(own)
  }

  get first(): Segment | undefined {
    return this.#segments.values().next().value
  }

  get unacknowledged(): number {
    let events = 0
    for (const segment of this.#segments) events += segment.unacknowledged
    return events
  }

  /** A segment that has grown by so many bytes; a new one comes last. */
  add(segment: Segment, bytes: number): void {
    this.bytes += bytes
    if (segment === this.#last) return
    this.#segments.add(segment)
    if (this.#last) this.#last.next = segment
    this.#last = segment
  }

  /** From now on what dead processes left is deleted when it is stored. */
  releaseAdopted(): void {
    this.#retainAdopted = false
  }

  /**
   * Writes down how far each directory is stored.
   * @param pending sent or waiting in memory
   * @param next position of the next event of our own directory
   */
  mark(pending: Iterable<SpoolPosition>, cursor: Cursor | undefined, next: number): void {
    for (const home of this.#homes) home.oldest = Number.POSITIVE_INFINITY
    this.#own.oldest = next
    for (const { segment, position } of pending) {
      if (segment && position < segment.home.oldest) segment.home.oldest = position
    }
    if (cursor) {
      const { home } = cursor.segment
      home.oldest = Math.min(home.oldest, cursor.position)
      for (let later = cursor.segment.next; later; later = later.next) {
        if (later.home !== home) later.home.oldest = 0
      }
    }
    for (const home of this.#homes) if (Number.isFinite(home.oldest)) home.acknowledged(home.oldest)
  }

  /**
   * Deletes what is stored, in order: a later segment may tell the end of a request that an earlier one has begun.
   * What the cursor has not passed stays.
   */
  removeStored(cursor: Cursor | undefined): void {
    for (const segment of this.#undeleted) {
      this.#undeleted.delete(segment)
      this.#delete(segment, 'again')
    }
    for (const segment of this.#segments) {
      if (segment === cursor?.segment || !segment.sealed || segment.unacknowledged > 0) break
      if (this.#retainAdopted && segment.home !== this.#own) break
      this.#segments.delete(segment)
      if (segment === this.#last) this.#last = undefined
      this.#delete(segment, 'first')
    }
    if (!this.#retainAdopted && this.#homes.size > 1) this.#removeEmptyHomes()
  }

  /** @param keep leave our own directory for the next process, whatever is in it */
  close(keep: boolean): void {
    for (const home of this.#homes) home[Symbol.dispose]()
    if (!keep && this.unacknowledged === 0 && !this.#retainAdopted) {
      removeDirectory(this.#root, this.#own.path)
    } else {
      giveUp(this.#own.path)
    }
  }

  #removeEmptyHomes(): void {
    const used = new Set([...this.#segments].map(segment => segment.home))
    for (const home of this.#homes) {
      if (home === this.#own || used.has(home)) continue
      this.#homes.delete(home)
      home[Symbol.dispose]()
      removeDirectory(this.#root, home.path)
    }
  }

  #setAside(segment: Segment): void {
    const name = `${basename(segment.home.path)}-${basename(segment.path)}.damaged`
    const path = join(this.#root, DAMAGED, name)
    renameSync(segment.path, path)
    this.#log.error({ path }, 'a damaged spool segment was set aside; what could be read of it is published')
  }

  #delete(segment: Segment, attempt: 'first' | 'again'): void {
    this.bytes -= segment.bytes
    if (segment.damaged) {
      this.#setAside(segment)
      return
    }
    unlink(segment.path, error => {
      if (!error || error.code === 'ENOENT') return
      if (attempt === 'first') {
        this.#log.warn({ err: error, path: segment.path }, 'a spool segment cannot be deleted yet')
      }
      this.bytes += segment.bytes
      this.#undeleted.add(segment)
    })
  }
}
