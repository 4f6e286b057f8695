import type { FluxgateEvent, StoredEvent } from '@fluxgate/contracts'
import type { Source } from '@fluxgate/forensics'

/** An event as it passes: its stream has not told its place yet. */
export interface LiveEvent {
  readonly stream: string
  readonly sequence: null
  readonly index?: undefined
  readonly storedAtMs: null
  readonly subject: string
  readonly event: FluxgateEvent
}

export type ShownEvent = StoredEvent | LiveEvent

export interface Listener {
  event(entry: LiveEvent): void
  unreadable(subject: string, reason: string): void
  /** The connection was lost and is back: what was published since `fromMs` may not have been heard. */
  gap(fromMs: number): void
}

/** The log as a tail sees it: nothing here writes, acknowledges or buries. */
export interface LiveLog {
  /** What was stored from a time on, up to what the log holds now, in the order of time. */
  history(sources: readonly Source[], fromMs: number, signal: AbortSignal): AsyncGenerator<StoredEvent[]>
  /** Resolves when the server has the subscriptions. */
  live(sources: readonly Source[], listener: Listener): Promise<Disposable>
}
