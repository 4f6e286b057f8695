import type { EventFilter } from '@fluxgate/forensics'

/** Which events are asked for; what is absent does not matter. Times are epoch milliseconds, both included. */
export interface EventSearch extends EventFilter {
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
}

export interface EventPageOrder extends EventSearch {
  readonly order: 'newest' | 'oldest'
  readonly after: ReadonlyMap<string, number>
  readonly limit: number
}

/** Work that can be broken off, and says how far it is, in positions of the log. */
export interface Working {
  readonly signal: AbortSignal
  readonly onProgress: (read: number, of: number) => void
}
