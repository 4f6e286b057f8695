import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ToolError } from '../backends/index.ts'
import { eventCursor, readEventCursor } from './event-cursor.ts'
import { readRowsCursor, rowsPage } from './rows-page.ts'

test('rowsPage returns no cursor on the last page, and readRowsCursor refuses a wider range', () => {
  const all = [1, 2, 3, 4, 5]
  const seen: number[] = []
  let place = { fromMs: 10, toMs: 20, offset: 0 }
  for (;;) {
    const { rows, next } = rowsPage(all, place, 2)
    seen.push(...rows)
    if (next === undefined) break
    place = readRowsCursor(next, 10)
    assert.deepEqual([place.fromMs, place.toMs], [10, 20])
  }
  assert.deepEqual(seen, all)
  const { next } = rowsPage(all, { fromMs: 10, toMs: 20, offset: 0 }, 2)
  assert.throws(
    () => readRowsCursor(next!, 9),
    ToolError,
    'a cursor does not widen the range that may be read',
  )
  for (const bad of ['', 'x', Buffer.from('20 10 0').toString('base64url')]) {
    assert.throws(() => readRowsCursor(bad, 100), ToolError)
  }
})

test('readEventCursor returns the position that eventCursor was given', () => {
  const place = { storedAtMs: 1_700_000_000_000, stream: 'TOKENS', sequence: 7 }
  assert.deepEqual(readEventCursor(eventCursor(place)), place)
  assert.throws(() => readEventCursor('bm9uZQ'), ToolError)
})
