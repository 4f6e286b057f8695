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

/** Two halves of a slice with more than one entry. */
export function halves(slice: Slice): [Slice, Slice] {
  const middle = slice.entries.length >> 1
  const border = slice.entries[middle - 1]!
  const first = slice.entries.slice(0, middle)
  return [
    { ...slice, last: border.sequence, lastStoredAtMs: border.storedAtMs, entries: first },
    { ...slice, after: border.sequence, entries: slice.entries.slice(middle) },
  ]
}
