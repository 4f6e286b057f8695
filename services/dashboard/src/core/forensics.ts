import type { GuardPolicy, StreamName } from '@fluxgate/contracts'
import type {
  EventRows,
  EventView,
  StatesView,
  TraceView,
  VerdictView,
  WhatIfBase,
  WhatIfView,
} from './wire-forensics.ts'

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
  /** Tells rows as they are stored, until the signal ends it. */
  tail(search: EventSearch, signal: AbortSignal, onRows: (rows: EventRows['items']) => void): Promise<void>
  /** Moments in the order of time. */
  states(moments: readonly number[], working: Working): Promise<StatesView>
  whatIfBase(): Promise<WhatIfBase>
  whatIf(policy: GuardPolicy, span: LogSpan, working: Working): Promise<WhatIfView>
  verify(span: LogSpan, working: Working): Promise<VerdictView>
}
