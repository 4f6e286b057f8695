import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredEvent } from '@fluxgate/contracts'
import { Fault } from './fault.ts'
import { standingOf } from './incident-standing.ts'
import { LongCalls } from './long-calls.ts'
import { placeCursor, placeOf } from './place.ts'
import { rowsPage, rowsPlaceOf } from './rows-page.ts'

test('long calls are counted by session and as a whole', () => {
  const calls = new LongCalls({ maxLongCallsOfSession: 1, maxLongCalls: 2 })
  assert.deepEqual(
    ['a', 'a', 'b', 'c'].map(session => calls.begin(session)),
    ['ok', 'session', 'ok', 'all'],
  )
  calls.end('a')
  assert.deepEqual(
    ['b', 'c', 'a'].map(session => calls.begin(session)),
    ['session', 'ok', 'all'],
  )
})

test('pages of rows end with the last row, and a cursor holds its range', () => {
  const all = [1, 2, 3, 4, 5]
  const seen: number[] = []
  let place = { fromMs: 10, toMs: 20, offset: 0 }
  for (;;) {
    const { rows, next } = rowsPage(all, place, 2)
    seen.push(...rows)
    if (next === undefined) break
    place = rowsPlaceOf(next, 10)
    assert.deepEqual([place.fromMs, place.toMs], [10, 20])
  }
  assert.deepEqual(seen, all)
  const { next } = rowsPage(all, { fromMs: 10, toMs: 20, offset: 0 }, 2)
  assert.throws(() => rowsPlaceOf(next!, 9), Fault, 'a cursor does not widen the range that may be read')
  for (const bad of ['', 'x', Buffer.from('20 10 0').toString('base64url')]) {
    assert.throws(() => rowsPlaceOf(bad, 100), Fault)
  }
})

test('a place in the log survives its cursor', () => {
  const place = { storedAtMs: 1_700_000_000_000, stream: 'TOKENS', sequence: 7 }
  assert.deepEqual(placeOf(placeCursor(place)), place)
  assert.throws(() => placeOf('bm9uZQ'), Fault)
})

test('an incident stands as its facts tell: the first acknowledgement counts, and a closing is final', () => {
  const fact = (name: string, data: object) =>
    ({ event: { type: `fluxgate.incidents.${name}`, time: 't', data } }) as unknown as StoredEvent
  const opened = fact('opened', { user: 'u', key: 'k' })
  const seen = fact('acknowledged', { actor: 'a' })
  const closed = fact('closed', { actor: 'c' })
  assert.deepEqual(standingOf([]), { state: 'unknown' })
  assert.deepEqual(standingOf([opened, seen, fact('acknowledged', { actor: 'b' })]), {
    state: 'open',
    identity: 'u.k',
    acknowledgedBy: 'a',
  })
  assert.deepEqual(standingOf([opened, closed, opened]), { state: 'closed', by: 'c', at: 't' })
  assert.deepEqual(standingOf([opened, fact('joined', { into: 'inc_2' })]), {
    state: 'joined',
    into: 'inc_2',
  })
})
