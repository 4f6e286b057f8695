import type { LogEvent } from '@fluxgate/contracts'

/** What one stream holds between two positions, without the messages that could not be read. */
export interface Slice {
  readonly stream: string
  /** Position before the slice. */
  readonly after: number
  /** Position of its last message. */
  readonly last: number
  readonly lastStoredAtMs: number
  readonly entries: readonly LogEvent[]
}

const LAST_TIME_MS = Date.UTC(9999, 11, 31)

/** The event's own time in epoch milliseconds; where that is no date at all, the time of its storing. */
export function timeOf(entry: LogEvent): number {
  const ms = Date.parse(entry.event.time)
  return Number.isNaN(ms) ? entry.storedAtMs : ms
}

/** A time out of an event's data, within what Postgres takes. */
export function epochMs(ms: number): number {
  return Math.min(ms, LAST_TIME_MS)
}

/** The part of a slice behind a position. */
export function sliceAfter(slice: Slice, position: number): Slice {
  if (position <= slice.after) return slice
  return {
    ...slice,
    after: Math.min(position, slice.last),
    entries: slice.entries.filter(entry => entry.sequence > position),
  }
}

/** Two parts of a slice, cut between two messages, near its middle; undefined when its entries are of one message. */
export function halves(slice: Slice): [Slice, Slice] | undefined {
  const { entries } = slice
  const isBorder = (at: number) => entries[at - 1]!.sequence !== entries[at]!.sequence
  let middle = entries.length >> 1
  while (middle > 0 && !isBorder(middle)) middle--
  if (middle === 0) middle = entries.findIndex((_, at) => at > 0 && isBorder(at))
  if (middle <= 0) return undefined
  const { sequence, storedAtMs } = entries[middle - 1]!
  return [
    { ...slice, last: sequence, lastStoredAtMs: storedAtMs, entries: entries.slice(0, middle) },
    { ...slice, after: sequence, entries: entries.slice(middle) },
  ]
}
