/** What the forensics views and their routes say to each other, in JSON: types alone. Times are epoch milliseconds. */
import type { GuardPolicy } from '@fluxgate/contracts'
import type { Names } from '../accounts/answers.ts'
import type { LogPosition } from '../live/answers.ts'

/** One event in a list. */
export interface EventRow extends LogPosition {
  /** When it was stored. */
  readonly at: number
  /** `requests.admitted`; what cannot be read has the fact that its subject tells. */
  readonly fact: string
  /** `<user>.<key>`; null for an event that names nobody. */
  readonly identity: string | null
  readonly request: string | null
  readonly incident: string | null
  /** The figures that tell most, in a few words; the reason of one that cannot be read. */
  readonly note: string
  readonly readable: boolean
}

export interface EventRows {
  readonly items: readonly EventRow[]
  /** Cursor of the page after this one; null when this was the last. */
  readonly next: string | null
  /** Events looked at for this page. */
  readonly scanned: number
  /** When the last one that was looked at was stored. */
  readonly reachedAt: number | null
  /** Cursor of where the streams ended before the page was read: a tail from there on misses nothing. */
  readonly head: string
  /** Messages that the streams hold, so that an unfiltered list knows its length. */
  readonly stored: number
}

/** One message in full. */
export interface EventView extends EventRow {
  readonly subject: string
  /** When it happened, by its publisher's clock; null when it cannot be read. */
  readonly time: number | null
  /** The event as it was read; its bytes as text when it cannot be read. */
  readonly event: object | string
  readonly names: Names
}

/** What a live tail says. */
export type TailFrame =
  | { readonly kind: 'rows'; readonly items: readonly EventRow[]; readonly leftOut: number }
  | { readonly kind: 'alive' }

export interface TraceStep extends EventRow {
  /** By the publisher's clock. */
  readonly time: number
  readonly sinceStartMs: number
  readonly sinceLastMs: number
}

/** A stretch of a request's life. */
export interface TraceBar {
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
  /** What is known of it beyond its length. */
  readonly note: string
}

export interface TraceView {
  readonly request: string
  readonly identity: string | null
  readonly names: Names
  readonly steps: readonly TraceStep[]
  /** When it arrived, as far as it is told. */
  readonly startedAt: number
  /** In order; times are milliseconds from the arrival. */
  readonly bars: readonly TraceBar[]
  /** What every request has in the log, and this one has not (yet). */
  readonly missing: readonly string[]
  /** Whether the tables hold all that is shown; null when nobody can tell. */
  readonly projected: boolean | null
  /** The search ended before the request was whole: more may be there. */
  readonly cut: boolean
}

/** Work over the log, as it comes. */
export type JobFrame<T> =
  | { readonly kind: 'progress'; readonly read: number; readonly of: number }
  | { readonly kind: 'result'; readonly value: T }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }

export interface DroppedView {
  readonly stream: string
  readonly messages: number
  readonly firstStoredAt: number | null
}

export interface TotalsView {
  readonly admitted: number
  readonly refused: number
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  readonly inFlight: number
  readonly settled: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
}

export interface BucketView {
  readonly identity: string
  readonly tier: string
  readonly capacity: number
  readonly refillRate: number
  readonly tokensLeft: number
}

export interface ThrottleThen {
  readonly identity: string
  readonly capacity: number
  readonly refillRate: number
  readonly imposedAtMs: number
  readonly untilMs: number
  readonly rule: string
  readonly actor: string
  readonly incident: string | null
}

export interface IncidentThen {
  readonly incident: string
  readonly identity: string
  readonly rule: string
  readonly severity: string
  readonly openedAtMs: number
  readonly state: 'opened' | 'reported' | 'acknowledged'
}

/** The state at one moment; lists are cut, their lengths are not. */
export interface StateView {
  readonly at: number
  readonly totals: TotalsView
  readonly identities: number
  readonly buckets: readonly BucketView[]
  readonly bucketCount: number
  readonly throttles: readonly ThrottleThen[]
  readonly throttleCount: number
  readonly incidents: readonly IncidentThen[]
  readonly incidentCount: number
}

export interface StatesView {
  readonly states: readonly StateView[]
  readonly dropped: readonly DroppedView[]
}

/** The policy that a what-if begins with. */
export interface WhatIfBase {
  readonly policy: GuardPolicy
  /** `set`: the one in the bucket; `default`: nobody has set one, and a guard without one has these thresholds. */
  readonly source: 'set' | 'default'
}

export interface WhatIfAnswer {
  readonly incident: string
  readonly rule: string
  readonly severity: string
  readonly throttled: boolean
  readonly atMs: number
  readonly untilMs: number | null
  readonly explanation: string
}

export type WhatIfDifference = 'same' | 'changed' | 'new' | 'gone'

export interface WhatIfRowView {
  readonly difference: WhatIfDifference
  readonly identity: string
  readonly would: WhatIfAnswer | null
  readonly was: WhatIfAnswer | null
}

export interface WhatIfView {
  readonly from: number
  readonly to: number
  readonly rows: readonly WhatIfRowView[]
  readonly rowCount: number
  readonly counts: Readonly<Record<WhatIfDifference, number>>
  readonly throttled: { readonly would: number; readonly were: number }
  /** Facts that the rules looked at. */
  readonly facts: number
  readonly dropped: readonly DroppedView[]
}

export interface ViolationView {
  readonly violation: string
  readonly detail: string
  readonly identity: string | null
  readonly request: string | null
  readonly positions: readonly LogPosition[]
}

export interface VerdictView {
  readonly holds: boolean
  /** What was judged; null: from the beginning of the log. */
  readonly from: number | null
  readonly to: number
  readonly facts: number
  readonly whole: TotalsView
  readonly endedOfBefore: number
  readonly identityCount: number
  /** The busiest. */
  readonly identities: ReadonlyArray<{ readonly identity: string; readonly sums: TotalsView }>
  readonly projected: ProjectedSums | null
  readonly violations: readonly ViolationView[]
  /** Offence → how often. */
  readonly violationCounts: Readonly<Record<string, number>>
  readonly dropped: readonly DroppedView[]
}

export interface ProjectedSums {
  readonly fromSequence: number
  readonly toSequence: number
  readonly inLog: { readonly settled: number; readonly totalTokens: number }
  readonly inTables: { readonly settled: number; readonly totalTokens: number }
  readonly notCompared: number
}
