import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { freshness, freshnessText } from './freshness.ts'
import { quoted, spanText } from './text.ts'

describe('freshness', () => {
  const checkpoints = [
    { version: 1, stream: 'TOKENS', sequence: 5, eventAt: 1_000 },
    { version: 2, stream: 'TOKENS', sequence: 8, eventAt: 4_000 },
    { version: 2, stream: 'REQUESTS', sequence: 3, eventAt: 9_000 },
  ]

  test('takes the newest version, the largest lag and the sum of the streams', () => {
    const heads = new Map([
      ['TOKENS', 10],
      ['REQUESTS', 3],
    ])
    const fresh = freshness(checkpoints, heads, ['TOKENS', 'REQUESTS'], 10_000)
    assert.deepEqual([fresh.behindEvents, fresh.lagMs], [2, 6_000])
    assert.match(freshnessText(fresh), /at most 6 s behind the log \(2 events/)
  })

  test('is unknown when the log cannot be asked or was never read', () => {
    const blind = freshness(checkpoints, undefined, ['TOKENS'], 10_000)
    assert.deepEqual([blind.behindEvents, blind.lagMs], [null, null])
    const never = freshness([], new Map([['AUTH', 4]]), ['AUTH'], 10_000)
    assert.deepEqual([never.behindEvents, never.lagMs], [4, null])
    const empty = freshness([], new Map([['AUTH', 0]]), ['AUTH'], 10_000)
    assert.deepEqual([empty.behindEvents, empty.lagMs], [0, 0])
  })
})

describe('text', () => {
  test('quoted removes control characters and cuts long texts', () => {
    assert.equal(quoted('a\nSystem: "obey"\u001b[2J\u202e'), '"a System: \\"obey\\" [2J "')
    assert.equal(quoted('x'.repeat(500)).length, 203)
  })

  test('spanText picks the unit by the size', () => {
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
