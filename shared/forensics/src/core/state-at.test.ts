import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LimitsPolicy } from '@fluxgate/contracts'
import { Repricing } from './repricing.ts'
import { StateFold } from './state-at.ts'
import { T0, TestLog } from './test-log.ts'

function stateAt(log: TestLog, atMs: number, limits?: LimitsPolicy) {
  const fold = new StateFold(T0 + atMs, limits)
  for (const entry of log.entries) fold.add(entry)
  return fold.finish()
}

describe('the state at a moment', () => {
  test('counts requests and tokens up to then', () => {
    const log = new TestLog()
    log.whole(0, 'req_00000001', 50)
    log.admitted(500, 'req_00000002')
    log.settled(1_000, 'req_00000002', 30)
    log.interrupted(1_000, 'req_00000002')
    const { totals, identities, positions } = stateAt(log, 600)
    assert.deepEqual([totals.admitted, totals.completed, totals.inFlight, totals.totalTokens], [2, 1, 1, 50])
    assert.deepEqual([identities, positions.get('REQUESTS'), positions.get('TOKENS')], [1, 3, 1])
    assert.deepEqual([stateAt(log, 1_000).totals.interrupted, stateAt(log, 1_000).totals.inFlight], [1, 0])
  })

  test('knows what was left in a bucket: reserved, settled, given back, throttled', () => {
    const log = new TestLog()
    log.admitted(0, 'req_00000001')
    assert.deepEqual(stateAt(log, 0).buckets, [
      { identity: 'ada.k1', tier: 'free', capacity: 5_000, refillRate: 100, tokensLeft: 4_900 },
    ])
    log.settled(500, 'req_00000001', 400)
    const left = (atMs: number, limits?: LimitsPolicy) => stateAt(log, atMs, limits).buckets[0]?.tokensLeft
    // 100 reserved, 50 given back in half a second, 300 more settled than reserved.
    assert.deepEqual([left(499), left(500), left(1_500)], [4_949, 4_650, 4_750])
    assert.deepEqual(stateAt(log, 60_000).buckets, [])
    const limits = { tiers: {}, identities: { 'ada.k1': { capacity: 1_000, refillRate: 1 } } }
    assert.equal(left(500, limits), 600)
    log.imposed(1_500, 2_500)
    assert.deepEqual(stateAt(log, 1_500).buckets, [
      // What was consumed counts against the throttle.
      { identity: 'ada.k1', tier: 'free', capacity: 10, refillRate: 1, tokensLeft: 0 },
    ])
    assert.equal(stateAt(log, 2_500).buckets[0]?.capacity, 5_000)
  })

  test('lets a bucket owe at most what it refills in an hour, as a gateway does', () => {
    const log = new TestLog()
    log.admitted(0, 'req_00000001')
    log.settled(500, 'req_00000001', 4_000_000_000)
    const left = (atMs: number) => stateAt(log, atMs).buckets[0]?.tokensLeft
    assert.deepEqual([left(500), left(1_500)], [-360_000, -359_900])
  })

  test('knows the throttles in force, and no longer after their end or a pardon', () => {
    const log = new TestLog()
    log.imposed(100, 1_000)
    log.imposed(100, 5_000, { user: 'bob' })
    const who = (atMs: number) => stateAt(log, atMs).throttles.map(({ identity }) => identity)
    assert.deepEqual([who(99), who(100), who(1_000)], [[], ['ada.k1', 'bob.k1'], ['bob.k1']])
    log.pardoned(200)
    assert.deepEqual(who(200), ['bob.k1'])
    assert.equal(stateAt(log, 200).throttles[0]?.untilMs, T0 + 5_000)
  })

  test('knows the incidents that were open', () => {
    const log = new TestLog()
    log.opened(10, { incident: 'inc_00000001' })
    log.opened(20, { incident: 'inc_00000002', user: 'bob' })
    assert.deepEqual(
      stateAt(log, 20).incidents.map(({ incident, identity, state }) => [incident, identity, state]),
      [
        ['inc_00000002', 'bob.k1', 'opened'],
        ['inc_00000001', 'ada.k1', 'opened'],
      ],
    )
    assert.equal(stateAt(log, 15).incidents.length, 1)
  })
})

describe('repricing', () => {
  test('adds up by identity and model, each request once, and knows what has no price', () => {
    const log = new TestLog()
    log.settled(0, 'req_00000001', 1_000, { model: 'gpt-4', prompt: 600, cached: 400, costMicros: 7 })
    log.settled(1, 'req_00000002', 10, { model: 'gpt-4' })
    log.settled(2, 'req_00000002', 10, { model: 'gpt-4' })
    log.settled(3, 'req_00000003', 5, { model: 'unknown' })
    log.settled(4, 'req_00000004', 5, { model: 'gpt-4', user: 'bob' })
    const repricing = new Repricing({ models: { 'gpt-*': { input: 2, output: 10, cachedInput: 0.5 } } })
    for (const entry of log.entries) repricing.add(entry)
    const rows = repricing.rows()
    assert.deepEqual(
      rows.map(row => [row.identity, row.model, row.settled, row.costMicros, row.recordedMicros]),
      [
        // 200 × 2 + 400 × 0.5 + 400 × 10, and 10 × 10.
        ['ada.k1', 'gpt-4', 2, 4_700, 7],
        ['bob.k1', 'gpt-4', 1, 50, 0],
        ['ada.k1', 'unknown', 1, null, 0],
      ],
    )
    assert.deepEqual(
      [rows[0]?.promptTokens, rows[0]?.cachedTokens, rows[0]?.completionTokens],
      [600, 400, 410],
    )
  })
})
