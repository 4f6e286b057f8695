import type { PendingRecord } from '@fluxgate/nats'
import type { Segment } from './segment.fs.ts'

/** Callbacks that wait for something: `left` counts what is still missing. */
export interface Commit {
  readonly callbacks: Array<() => void>
  left: number
  /** Monotonic milliseconds, after which they run all the same. */
  readonly deadlineMs: number
}

/** Commits in the order in which they were asked for; none runs before the one ahead of it. */
export class Commits {
  #waiting: Commit[] = []
  /** Callbacks that ran at their deadline, before their events were known to be safe. */
  uncertain = 0

  get size(): number {
    return this.#waiting.length
  }

  add(commit: Commit): void {
    this.#waiting.push(commit)
  }

  /** Runs what is ready or overdue, from the head on. */
  run(nowMs: number): void {
    let done = 0
    for (const commit of this.#waiting) {
      if (commit.left > 0) {
        if (nowMs < commit.deadlineMs) break
        this.uncertain += commit.callbacks.length
      }
      done++
    }
    for (const commit of this.#waiting.splice(0, done)) {
      for (const callback of commit.callbacks) callback()
    }
  }
}

/** A pending event of the publisher, as the spool holds it. */
export interface SpooledRecord extends PendingRecord {
  /** Undefined when it is in memory alone. */
  segment: Segment | undefined
  /** Who waits for it while it is in memory alone. */
  commit: Commit | undefined
}

/** Where an event is on disk, or the oldest of several. */
export type SpoolPosition = Pick<SpooledRecord, 'segment' | 'position'>
