import { readJson } from '@fluxgate/contracts'
import { sql } from 'kysely'

/** One page of a list, newest first. `next` goes into `before` for the page after it; absent on the last one. */
export interface Page<Item> {
  readonly items: Item[]
  readonly next?: string
}

/** An opaque place in a list that is ordered by time and id. */
interface Place {
  readonly atMs: number
  readonly id: string
}

export class CursorError extends Error {
  readonly code = 'FLUXGATE_CURSOR'
}

export const MAX_LIMIT = 1_000
const MAX_CURSOR_CHARS = 400

/** `rows` is one row longer than the page when there is more. */
export function pageOf<Source, Item>(
  rows: readonly Source[],
  limit: number,
  item: (row: Source) => Item,
  place: (row: Source) => Place,
): Page<Item> {
  const items = rows.slice(0, limit).map(item)
  if (rows.length <= limit) return { items }
  const last = place(rows[limit - 1]!)
  return { items, next: cursorOf([last.atMs, last.id]) }
}

/** Condition for the rows after a cursor; `atColumn` and `idColumn` are the columns of the order. */
export function isAfter(cursor: string, atColumn: string, idColumn: string) {
  const { atMs, id } = parseCursor(cursor)
  const at = new Date(atMs).toISOString()
  return sql<boolean>`(${sql.ref(atColumn)}, ${sql.ref(idColumn)}) < (${at}::timestamptz, ${id})`
}

/** Keeps a page's size between 1 and {@link MAX_LIMIT}. */
export function pageLimit(limit: number): number {
  return Math.min(Math.max(Math.trunc(limit) || 1, 1), MAX_LIMIT)
}

function parseCursor(cursor: string): Place {
  const [atMs, id] = partsOf(cursor)
  if (isTime(atMs) && typeof id === 'string') return { atMs, id }
  throw new CursorError('not a cursor of this list')
}

export function cursorOf(parts: ReadonlyArray<string | number>): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** What a cursor holds, unchecked: it may have been made by anybody. @throws CursorError */
export function partsOf(cursor: string): readonly unknown[] {
  if (cursor.length <= MAX_CURSOR_CHARS) {
    const read = readJson(Buffer.from(cursor, 'base64url'), { maxSize: MAX_CURSOR_CHARS, maxDepth: 1 })
    if (read.ok && Array.isArray(read.value)) return read.value
  }
  throw new CursorError('not a cursor of this list')
}

export function isTime(value: unknown): value is number {
  return typeof value === 'number' && !Number.isNaN(new Date(value).getTime())
}
