import type { GuardPolicy, StreamName } from '@fluxgate/contracts'
import type {
  EventRows,
  EventView,
  StatesView,
  TraceView,
  VerdictView,
  WhatIfBase,
  WhatIfView,
} from './answers.ts'

/** Which events are asked for; what is absent does not matter. Times are epoch milliseconds, both included. */
export interface EventSearch {
  readonly streams: readonly StreamName[]
  readonly fact: string | undefined
  readonly user: string | undefined
  readonly key: string | undefined
  readonly text: string | undefined
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

export interface EventPageOrder extends EventSearch {
  readonly order: 'newest' | 'oldest'
  readonly after: ReadonlyMap<string, number>
  readonly limit: number
}

/** A range of the log; absent ends are its own. */
export interface LogSpan {
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** Work that can be broken off, and says how far it is, in positions of the log. */
export interface Working {
  readonly signal: AbortSignal
  readonly onProgress: (read: number, of: number) => void
}

/** What an operator may ask of the log itself. */
export interface Forensics {
  events(order: EventPageOrder, signal: AbortSignal): Promise<EventRows>
  event(stream: StreamName, sequence: number, signal: AbortSignal): Promise<EventView | undefined>
  trace(request: string, signal: AbortSignal): Promise<TraceView | undefined>
  /** Tells rows as they are stored, from after some positions on, until the signal ends it. */
  tail(
    search: EventSearch,
    since: ReadonlyMap<string, number>,
    signal: AbortSignal,
    onRows: (rows: EventRows['items']) => void,
  ): Promise<void>
  /** Moments in the order of time. */
  states(moments: readonly number[], working: Working): Promise<StatesView>
  whatIfBase(): Promise<WhatIfBase>
  whatIf(policy: GuardPolicy, span: LogSpan, working: Working): Promise<WhatIfView>
  verify(span: LogSpan, working: Working): Promise<VerdictView>
}

export interface ForensicsLimits {
  /** Events looked at for one page of the list, and how long that may take. */
  readonly pageScanned: number
  readonly pageMs: number
  /** Events of each stream looked at for one request. */
  readonly traceScanned: number
  /** Rows of each list of an answer; all are counted. */
  readonly forensicsRows: number
  readonly maxOffenders: number
  /** Answers about past moments that are kept: the past does not change. */
  readonly keptAnswers: number
  /** Readings of the log at once, and how long one of them may take. */
  readonly maxJobs: number
  readonly jobMs: number
  readonly maxTails: number
}
