import Type, { type Static } from 'typebox'
import type { FluxgateEvent } from './catalog.ts'

/** Events after which a batch is closed. */
export const MAX_BATCH_EVENTS = 512

/** Where an event is in the log, see {@link positionText}. */
export const LogPosition = Type.Object(
  {
    stream: Type.String({ maxLength: 32 }),
    /** Of its message in the stream. */
    sequence: Type.Integer({ minimum: 1 }),
    /** Of the event in its message, where that is a batch; absent in a message that is one event. */
    index: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_BATCH_EVENTS - 1 })),
  },
  { additionalProperties: false },
)
export type LogPosition = Readonly<Static<typeof LogPosition>>

/** The position alone. */
export function placeOf({ stream, sequence, index }: WithIndex): LogPosition {
  return index === undefined ? { stream, sequence } : { stream, sequence, index }
}

interface WithIndex {
  readonly stream: string
  readonly sequence: number
  readonly index?: number | undefined
}

/** `TOKENS:21`, and `TOKENS:21.3` for an event of a batch. */
export function positionText({ stream, sequence, index }: LogPosition): string {
  return index === undefined ? `${stream}:${sequence}` : `${stream}:${sequence}.${index}`
}

const POSITION = /^([A-Z]{1,32}):([1-9]\d{0,15})(?:\.(\d{1,3}))?$/

/** Reads what {@link positionText} writes; undefined for any other text. */
export function parsePosition(text: string): LogPosition | undefined {
  const [, stream, sequence, index] = POSITION.exec(text) ?? []
  if (stream === undefined) return undefined
  return { stream, sequence: Number(sequence), ...(index === undefined ? {} : { index: Number(index) }) }
}

/** Whether two positions name one event. */
export function isSamePosition(a: LogPosition, b: LogPosition): boolean {
  return a.stream === b.stream && a.sequence === b.sequence && a.index === b.index
}

/** Before, at or after, within one stream: negative, 0 or positive. */
export function comparePositions(
  a: Pick<LogPosition, 'sequence' | 'index'>,
  b: Pick<LogPosition, 'sequence' | 'index'>,
): number {
  return a.sequence - b.sequence || (a.index ?? 0) - (b.index ?? 0)
}

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
