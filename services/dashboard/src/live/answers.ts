import type { Throttle } from '@fluxgate/contracts'

/** What the log stored in one second. */
export interface Tick {
  /** Start of the second. */
  readonly at: number
  readonly admitted: number
  readonly refused: number
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  readonly tokens: number
  /** Requests admitted and not ended, at the end of the second; an estimate from what was seen. */
  readonly active: number
  /** Requests decided (admitted or refused) by each gateway node. */
  readonly nodes: Readonly<Record<string, number>>
}

/** An identity in the penalty box. */
export interface LiveThrottle {
  /** `<user>.<key>` */
  readonly identity: string
  readonly throttle: Throttle
}

/** SSE event name → its data. */
export interface LiveFrames {
  /** All that a page needs to begin; replaces what it had of throttles, and adds to its ticks. */
  history: { now: number; ticks: Tick[]; throttles: LiveThrottle[] }
  /** Seconds that are over, and earlier ones that were counted again. */
  tick: { now: number; ticks: Tick[] }
  throttle: { identity: string; throttle: Throttle | null }
  incident: { id: string; fact: string; at: number }
  /** Whether the log is being read; while it is not there are no ticks, rather than zeros. */
  feed: { connected: boolean; now: number }
}

export type LiveFrameName = keyof LiveFrames

/** Where an event is in the log. */
export interface LogPosition {
  readonly stream: string
  readonly sequence: number
  /** Of an event in its batch. */
  readonly index?: number
}
