import type { FluxgateEvent } from '@fluxgate/contracts'

/** An event with its place in the log. */
export interface Fact {
  readonly stream: string
  readonly sequence: number
  /** When the stream stored it, epoch milliseconds: the only clock of the fold, so that a replay decides the same. */
  readonly storedAtMs: number
  readonly event: FluxgateEvent
}

/** Where in the log something stands: what an incident cites. */
export interface Reference {
  readonly stream: string
  readonly sequence: number
}
