import type { TimeRange } from '../backends/index.ts'
import { badCursor } from './event-cursor.ts'

/** A place in rows that are found anew for each page, out of the same part of the log. */
export interface RowsPosition extends TimeRange {
  readonly offset: number
}

export interface RowsPage<Row> {
  readonly rows: readonly Row[]
  readonly next: string | undefined
}

export function rowsPage<Row>(all: readonly Row[], place: RowsPosition, limit: number): RowsPage<Row> {
  const { fromMs, toMs, offset } = place
  const end = offset + limit
  const next = end < all.length ? Buffer.from(`${fromMs} ${toMs} ${end}`).toString('base64url') : undefined
  return { rows: all.slice(offset, end), next }
}

/** @throws ToolError */
export function readRowsCursor(cursor: string, maxRangeMs: number): RowsPosition {
  const parts = /^(\d{1,15}) (\d{1,15}) (\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString())
  const [fromMs, toMs, offset] = (parts?.slice(1) ?? []).map(Number)
  if (fromMs === undefined || toMs === undefined || offset === undefined) throw badCursor()
  if (fromMs >= toMs || toMs - fromMs > maxRangeMs) throw badCursor()
  return { fromMs, toMs, offset }
}
