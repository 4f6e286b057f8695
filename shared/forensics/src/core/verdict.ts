import type { SettledCounts, SettledSum } from './settled-counts.ts'
import type { Sums } from './sums.ts'
import type { Violation } from './violation.ts'

/** What a range of the log came to. Times are epoch milliseconds. */
export interface Verdict {
  readonly holds: boolean
  /** What was judged. */
  readonly fromMs: number | null
  readonly toMs: number
  /** Part of the range asked for that retention has dropped: nothing can be said of it. */
  readonly dropped: readonly DroppedPart[]
  readonly whole: Sums
  readonly identities: ReadonlyMap<string, Sums>
  /** Endings in the range of requests that were admitted before it. */
  readonly endedOfBefore: number
  readonly projected: ProjectedVerdict | undefined
  /** Events of all streams in the range. */
  readonly events: number
  readonly offenders: readonly Violation[]
}

export interface DroppedPart {
  readonly stream: string
  /** Messages that the stream has held and does not any more. */
  readonly messages: number
  /** When the oldest one that is left was stored; null when none is. */
  readonly firstStoredAtMs: number | null
}

/** Settlements that log and tables were compared about, both by position in TOKENS. */
export interface ProjectedVerdict {
  readonly fromSequence: number
  readonly toSequence: number
  readonly inLog: SettledSum
  readonly inTables: SettledSum
  /** Settlements of the range that the tables do not hold yet, or no longer. */
  readonly notCompared: number
}

/** What the tables hold: read by whoever has a database. */
export interface ProjectedView {
  /** Stream → position up to which the tables hold it. */
  positions(): Promise<ReadonlyMap<string, number>>
  /** Rows of settlements before this (epoch milliseconds) may have been deleted by their age. */
  readonly retainedFromMs: number
  /** Identity → what was settled from one position in TOKENS to another, both included. */
  sums(fromSequence: number, toSequence: number): Promise<ReadonlyMap<string, SettledSum>>
  /** Request → what was settled in that part, of one identity. */
  requests(
    identity: string,
    fromSequence: number,
    toSequence: number,
  ): Promise<ReadonlyMap<string, SettledCounts>>
}
