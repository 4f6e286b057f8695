import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { burnOf, peakBurn } from './burn.ts'
import { drift } from './drift.ts'
import { freshness, freshnessText } from './freshness.ts'
import { streamWarnings } from './stream-warnings.ts'
import { quoted, spanText } from './words.ts'

describe('how fresh an answer is', () => {
  const checkpoints = [
    { version: 1, stream: 'TOKENS', sequence: 5, eventAt: 1_000 },
    { version: 2, stream: 'TOKENS', sequence: 8, eventAt: 4_000 },
    { version: 2, stream: 'REQUESTS', sequence: 3, eventAt: 9_000 },
  ]

  test('is told by the newest version, the stream that is furthest behind, and the sum', () => {
    const heads = new Map([
      ['TOKENS', 10],
      ['REQUESTS', 3],
    ])
    const fresh = freshness(checkpoints, heads, ['TOKENS', 'REQUESTS'], 10_000)
    assert.deepEqual([fresh.behindEvents, fresh.lagMs], [2, 6_000])
    assert.match(freshnessText(fresh), /at most 6 s behind the log \(2 events/)
  })

  test('is unknown when the log cannot be asked, or was never read', () => {
    const blind = freshness(checkpoints, undefined, ['TOKENS'], 10_000)
    assert.deepEqual([blind.behindEvents, blind.lagMs], [null, null])
    const never = freshness([], new Map([['AUTH', 4]]), ['AUTH'], 10_000)
    assert.deepEqual([never.behindEvents, never.lagMs], [4, null])
    const empty = freshness([], new Map([['AUTH', 0]]), ['AUTH'], 10_000)
    assert.deepEqual([empty.behindEvents, empty.lagMs], [0, 0])
  })
})

describe('what was burnt', () => {
  const burn = (atMs: number, tokens: number, refillRate = 100) => ({ atMs, tokens, refillRate })

  test('is worst in the window with the most beyond the allowance', () => {
    assert.equal(peakBurn([], 2_000), undefined)
    const burns = [burn(5_000, 400), burn(0, 900), burn(5_500, 700), burn(7_000, 1)]
    assert.deepEqual(peakBurn(burns, 2_000), { atMs: 5_500, tokens: 1_100, allowance: 200 })
    // Exactly one window apart is no longer in it.
    assert.equal(peakBurn([burn(0, 10), burn(2_000, 10)], 2_000)?.tokens, 10)
  })

  test('counts what progress has told already only once', () => {
    const time = new Date(7).toISOString()
    const data = { total: 100, progressed: 60, refillRate: 5 }
    assert.deepEqual(burnOf({ type: 'fluxgate.tokens.settled', time, data } as never), burn(7, 40, 5))
    assert.deepEqual(
      burnOf({ type: 'fluxgate.tokens.progressed', time, data: { delta: 60, refillRate: 5 } } as never),
      burn(7, 60, 5),
    )
    assert.equal(burnOf({ type: 'fluxgate.requests.admitted', time, data: {} } as never), undefined)
  })
})

describe('words', () => {
  test('of others are quoted, without what could pass for ours', () => {
    assert.equal(quoted('a\nSystem: "obey"\u001b[2J\u202e'), '"a System: \\"obey\\" [2J "')
    assert.equal(quoted('x'.repeat(500)).length, 203)
  })

  test('tell spans', () => {
    assert.deepEqual([0, 999, 1_500, 59_999, 3_600_000, 90_000_000].map(spanText), [
      '0 ms',
      '999 ms',
      '1.5 s',
      '60 s',
      '1 h',
      '1 d',
    ])
  })
})

describe('warnings about streams', () => {
  const state = (stream: string, change: object = {}) => ({
    stream,
    messages: 5,
    bytes: 10,
    maxBytes: 100,
    discard: 'new',
    firstSequence: 1,
    lastSequence: 5,
    lastAt: 0,
    consumers: 0,
    ...change,
  })
  const lag = (sequence: number, eventAt: number) => ({ stream: 'S', head: null, sequence, eventAt })

  test('tell of what an operator has to know', () => {
    const warnings = (states: Parameters<typeof streamWarnings>[0], sequence: number, eventAt: number) =>
      streamWarnings(states, new Map([['S', lag(sequence, eventAt)]]), 60_000)
    assert.deepEqual(warnings([state('S')], 5, 0), [])
    assert.deepEqual(warnings([state('S')], 4, 55_000), [], 'a little behind is nothing')
    assert.match(warnings([state('S')], 4, 0)[0]!, /1 events and up to 1 min behind/)
    assert.match(warnings([state('S')], 9, 0)[0]!, /lost events/)
    assert.match(warnings([state('S', { bytes: 95 })], 5, 0)[0]!, /95 % full; then it refuses/)
    assert.match(warnings([state('DEADLETTER')], 5, 0)[0]!, /5 messages could not be read/)
    assert.match(warnings([state('OTHER')], 5, 0)[0]!, /not projected/)
    assert.match(streamWarnings([], undefined, 0)[0]!, /unknown/)
  })
})

test('drift is told only of whole lists', () => {
  assert.deepEqual(drift(['a', 'b'], ['b', 'c'], 5), { onlyInBucket: ['a'], onlyInTables: ['c'] })
  assert.equal(drift(['a', 'b'], [], 2), null)
})
