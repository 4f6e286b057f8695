import type { FluxgateEvent, LogPosition, StreamName } from '@fluxgate/contracts'

/** What stands in the log and is no event: it came around the publishers, or from a newer version. */
export interface Unreadable extends LogPosition {
  readonly storedAtMs: number
  readonly subject: string
  readonly reason: string
}

/** A part of the log by the time at which it was stored, epoch milliseconds, both ends included. */
export interface Range {
  /** Absent: from the first message that retention has left. */
  readonly fromMs?: number | undefined
  /** Absent: up to what stands in the log when the reading begins. */
  readonly toMs?: number | undefined
}

/** A part of the log: one stream, perhaps one subject filter in it, perhaps a range of its own. */
export interface Source extends Range {
  readonly stream: StreamName
  readonly subject?: string
}

/** Every stream of events, in the order in which messages of one millisecond are put. */
export const ALL_STREAMS: readonly StreamName[] = [
  ...(['refusals', 'auth', 'requests', 'tokens', 'throttles', 'incidents'] as const),
]

export function requestOf(event: FluxgateEvent): string | undefined {
  return 'request' in event.data ? event.data.request : undefined
}
