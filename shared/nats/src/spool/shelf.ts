import { renameSync, rmSync, unlink } from 'node:fs'
import { basename, join } from 'node:path'
import type { Place } from '../backlog.ts'
import type { LinkLog } from '../link.ts'
import type { Adopted } from './adopt.ts'
import type { Cursor } from './cursor.ts'
import type { Home } from './home.ts'
import { giveUp } from './owner.ts'
import type { Segment } from './segment.ts'

export const DAMAGED = 'damaged'

/** The segments on disk, in the order of publishing: those of dead processes first, then our own. */
export class Shelf {
  readonly #root: string
  readonly #own: Home
  readonly #homes: Set<Home>
  readonly #segments = new Set<Segment>()
  readonly #log: LinkLog
  /** Stored segments that could not be deleted: they count until they can. */
  readonly #undeleted = new Set<Segment>()
  #last: Segment | undefined
  #keepAdopted: boolean
  bytes = 0

  constructor(root: string, own: Home, adopted: readonly Adopted[], log: LinkLog) {
    this.#root = root
    this.#own = own
    this.#log = log
    this.#homes = new Set([...adopted.map(each => each.home), own])
    this.#keepAdopted = adopted.length > 0
    for (const { segments } of adopted) for (const segment of segments) this.add(segment, segment.bytes)
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
    this.#keepAdopted = false
  }

  /**
   * Writes down how far each directory is stored.
   * @param held sent or waiting in memory
   * @param next position of the next event of our own directory
   */
  mark(held: Iterable<Place>, cursor: Cursor | undefined, next: number): void {
    for (const home of this.#homes) home.oldest = Number.POSITIVE_INFINITY
    this.#own.oldest = next
    for (const { segment, position } of held) {
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
      if (this.#keepAdopted && segment.home !== this.#own) break
      this.#segments.delete(segment)
      if (segment === this.#last) this.#last = undefined
      this.#delete(segment, 'first')
    }
    if (!this.#keepAdopted && this.#homes.size > 1) this.#removeEmptyHomes()
  }

  /** @param keep leave our own directory for the next process, whatever is in it */
  close(keep: boolean): void {
    for (const home of this.#homes) home[Symbol.dispose]()
    if (!keep && this.unacknowledged === 0 && !this.#keepAdopted) {
      this.#remove(this.#own)
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
      this.#remove(home)
    }
  }

  /** Out of sight first: a process that is killed meanwhile leaves nothing that looks like a spool. */
  #remove(home: Home): void {
    const hidden = join(this.#root, `.${basename(home.path)}`)
    renameSync(home.path, hidden)
    rmSync(hidden, { recursive: true, force: true })
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
