import type { Ending } from './call-events.ts'
import type { Settlement } from './settle.ts'

export type Outcome = 'completed' | 'failed' | 'interrupted'

/** Stands for the upstream in calls that the gateway answers itself. */
export const SELF = 'gateway'

/** How an admitted call ended: what metrics and traces are made of. */
export interface CallEnd {
  readonly outcome: Outcome
  readonly ending: Ending
  readonly settlement: Settlement
  /** Our own part before the upstream was called, in milliseconds. */
  readonly overheadMs: number
  /** An error's code, or who ended the call early. */
  readonly errorType: string | undefined
}
