import type { FluxgateEvent, StreamName } from '@fluxgate/contracts'

/** An event and its place. A live one is seen as it passes: the stream has not told its place yet. */
export interface Fact {
  /** JetStream stream name. */
  readonly stream: string
  readonly sequence: number | null
  readonly storedAtMs: number | null
  readonly subject: string
  readonly event: FluxgateEvent
}

export interface StoredFact extends Fact {
  readonly sequence: number
  readonly storedAtMs: number
}

/** A part of the log: one stream, and one subject filter in it. */
export interface Source {
  readonly stream: StreamName
  readonly subject: string
}

export interface Listener {
  fact(fact: Fact): void
  unreadable(subject: string, reason: string): void
  /** The connection was lost and is back: what was published since `fromMs` may not have been heard. */
  gap(fromMs: number): void
}

/** The log, to look at: nothing here writes, acknowledges or buries. */
export interface LogReader {
  /** What a stream stored from a time on (or from its beginning), up to what it holds now. */
  history(source: Source, fromMs: number | undefined, signal: AbortSignal): AsyncGenerator<StoredFact>
  /** Resolves when the server has the subscriptions. */
  live(sources: readonly Source[], listener: Listener): Promise<Disposable>
  /** Undefined when nothing readable stands there (any more). */
  at(stream: StreamName, sequence: number, signal: AbortSignal): Promise<StoredFact | undefined>
}
