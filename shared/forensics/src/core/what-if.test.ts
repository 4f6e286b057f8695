import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GuardPolicy } from '@fluxgate/contracts'
import { incidentId, wholePolicy } from '@fluxgate/guard-core'
import { T0, TestLog } from './test-log.ts'
import { WhatIf } from './what-if.ts'

/** The free tier's 100 tokens a second: 300 more than 200 in two seconds is too much. */
function policyOf(thresholdTokens: number, durationMs = 60_000): GuardPolicy {
  return {
    rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens } },
    penalty: { capacity: 100, refillRate: 10, durationMs },
    graceMs: 300_000,
  }
}
const EVER = { fromMs: T0, toMs: Number.POSITIVE_INFINITY }

function run(log: TestLog, policy: GuardPolicy, range = EVER) {
  const fold = new WhatIf(wholePolicy(policy), range)
  for (const entry of log.entries) fold.add(entry)
  return fold.finish()
}

/** Ada floods at 1 s and bob at 5 s; the guard of that time throttled ada alone, as it was told to at 300. */
function floodLog(): TestLog {
  const log = new TestLog()
  log.settled(0, 'req_00000001', 100)
  const crossing = log.settled(1_000, 'req_00000002', 450)
  const incident = incidentId('contextFlood', { user: 'ada', key: 'k1' }, crossing.event.id)
  log.opened(1_000, { incident, until: T0 + 61_000 })
  log.settled(5_000, 'req_00000003', 350, { user: 'bob' })
  return log
}

describe('what if', () => {
  const differencesOf = (result: ReturnType<typeof run>) =>
    result.rows.map(({ difference, identity }) => [difference, identity])

  test('the same policy gives what happened', () => {
    const result = run(floodLog(), policyOf(300))
    assert.deepEqual(differencesOf(result), [['same', 'ada.k1']])
    assert.deepEqual(result.counts, { same: 1, changed: 0, new: 0, gone: 0 })
    assert.deepEqual(result.throttled, { would: 1, were: 1 })
  })

  test('a stricter one finds more, a milder one less, a longer one changes the end', () => {
    const strict = run(floodLog(), policyOf(100))
    assert.deepEqual(differencesOf(strict), [
      ['same', 'ada.k1'],
      ['new', 'bob.k1'],
    ])
    assert.deepEqual(strict.throttled, { would: 2, were: 1 })
    assert.equal(strict.rows[1]?.would?.untilMs, T0 + 65_000)
    assert.deepEqual(differencesOf(run(floodLog(), policyOf(1_000))), [['gone', 'ada.k1']])
    const longer = run(floodLog(), policyOf(300, 120_000))
    assert.deepEqual(differencesOf(longer), [['changed', 'ada.k1']])
    assert.deepEqual(
      [longer.rows[0]?.was?.untilMs, longer.rows[0]?.would?.untilMs],
      [T0 + 61_000, T0 + 121_000],
    )
  })

  test('an earlier find of the same burst is a change, not one new and one gone', () => {
    const log = new TestLog()
    log.settled(0, 'req_00000001', 350)
    const crossing = log.settled(1_000, 'req_00000002', 250)
    const incident = incidentId('contextFlood', { user: 'ada', key: 'k1' }, crossing.event.id)
    log.opened(1_000, { incident, until: T0 + 61_000 })
    const result = run(log, policyOf(100))
    assert.deepEqual(differencesOf(result), [['changed', 'ada.k1']])
    assert.deepEqual([result.rows[0]?.would?.atMs, result.rows[0]?.was?.atMs], [T0, T0 + 1_000])
  })

  test('begins with what a guard would remember, and knows pardons', () => {
    const before = floodLog()
    before.settled(6_000, 'req_00000004', 900)
    // The throttle of before the range still holds ada: she is left alone.
    assert.deepEqual(differencesOf(run(before, policyOf(300), { ...EVER, fromMs: T0 + 5_500 })), [])
    const pardoned = floodLog()
    pardoned.pardoned(2_000)
    pardoned.settled(6_000, 'req_00000004', 900)
    assert.deepEqual(differencesOf(run(pardoned, policyOf(300), { ...EVER, fromMs: T0 + 5_500 })), [])
    pardoned.settled(400_000, 'req_00000005', 900)
    const later = run(pardoned, policyOf(300), { ...EVER, fromMs: T0 + 5_500 })
    assert.deepEqual(differencesOf(later), [['new', 'ada.k1']])
    assert.deepEqual(differencesOf(run(pardoned, policyOf(300), { fromMs: T0, toMs: T0 + 900 })), [])
  })
})

/** Written once, and the same ever since: a change of these bytes is a change of what the guard decides. */
const GOLDEN =
  '[{"difference":"same","identity":"ada.k1","would":{"incident":"inc_467e34e67074ea73f15fa5bb","rule":"contextFlood",' +
  '"severity":"low","throttled":true,"atMs":1767225601000,"untilMs":1767225661000,"explanation":"Consumed 550 tokens within ' +
  '2 s in 2 events. The tier gives back 100 tokens a second, 200 in that time, and the policy allows 100 more: 300. That is ' +
  '1.83 times the allowance."},"was":{"incident":"inc_467e34e67074ea73f15fa5bb","rule":"contextFlood","severity":"high",' +
  '"explanation":"x","throttled":true,"atMs":1767225601000,"untilMs":1767225661000}},{"difference":"new","identity":' +
  '"bob.k1","would":{"incident":"inc_708c378d18358c2c7c66d8a3","rule":"contextFlood","severity":"low","throttled":true,' +
  '"atMs":1767225605000,"untilMs":1767225665000,"explanation":"Consumed 350 tokens within 2 s in one event. The tier gives ' +
  'back 100 tokens a second, 200 in that time, and the policy allows 100 more: 300. That is 1.17 times the allowance."},' +
  '"was":null}]'

test('what if gives these bytes, however the streams are mixed', () => {
  const log = floodLog()
  assert.equal(JSON.stringify(run(log, policyOf(100)).rows), GOLDEN)
  const fold = new WhatIf(wholePolicy(policyOf(100)), EVER)
  for (const entry of [...log.entries].sort((a, b) => (a.stream < b.stream ? -1 : 1))) fold.add(entry)
  assert.equal(JSON.stringify(fold.finish().rows), GOLDEN)
})
