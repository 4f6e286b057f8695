import Type, { type Static } from 'typebox'
import type { FluxgateEvent } from './catalog.ts'

/** Where an event is in the log: stream name and sequence, written `TOKENS:21`. */
export const LogPosition = Type.Object(
  { stream: Type.String({ maxLength: 32 }), sequence: Type.Integer({ minimum: 1 }) },
  { additionalProperties: false },
)
export type LogPosition = Readonly<Static<typeof LogPosition>>

/** An event with its position in the log. */
export interface LogEvent extends LogPosition {
  /** When the stream stored it, epoch milliseconds. Pardons, penalties and incidents are ordered by it. */
  readonly storedAtMs: number
  readonly event: FluxgateEvent
}

/** A {@link LogEvent} with the subject that it is stored under. */
export interface StoredEvent extends LogEvent {
  readonly subject: string
}
