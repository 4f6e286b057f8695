import type { FluxgateEvent } from '@fluxgate/contracts'

/** An event with its position in the log. */
export interface Fact {
  readonly stream: string
  readonly sequence: number
  /** When the stream stored it, epoch milliseconds. Pardons, penalties and incidents are ordered by it. */
  readonly storedAtMs: number
  readonly event: FluxgateEvent
}

/** A fact with the time that windows count it at. */
export interface TimedFact extends Fact {
  /** When it happened, as far as its source's clock can be trusted: see {@link SourceClocks}. Never after `storedAtMs`. */
  readonly atMs: number
}

/** A position in the log: what an incident cites. */
export interface Reference {
  readonly stream: string
  readonly sequence: number
}
