import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crossingId } from './crossing.ts'
import { Crossings } from './crossings.ts'
import { periodStart } from './period.ts'
import { ALICE, DAY_MS, daily, fold, NOW_MS, tableOf, tokens } from './test-tables.ts'

describe('a crossing', () => {
  it('is reported once per budget, level, holder and period, whichever node finds it', () => {
    const table = tableOf([daily({ warnAt: 0.5 })])
    fold(table, 'r1', ALICE, 499)
    assert.deepEqual(table.crossings.takeUnreported(), [])
    fold(table, 'r2', ALICE, 1)
    const [soft, ...rest] = table.crossings.takeUnreported()
    assert.deepEqual(rest, [])
    assert.deepEqual(
      [soft!.level, soft!.request, soft!.holder, soft!.used, soft!.limit, soft!.unit, soft!.user],
      ['soft', 'r2', 'alice', 500, 1_000, 'tokens', 'alice'],
    )
    fold(table, 'r3', ALICE, 1)
    assert.deepEqual(table.crossings.takeUnreported(), [])
    fold(table, 'r4', ALICE, 600)
    assert.deepEqual(
      table.crossings.takeUnreported().map(({ level }) => level),
      ['hard'],
    )
    const tomorrowMs = NOW_MS + DAY_MS
    table.forgetOver(tomorrowMs)
    fold(table, 'r5', ALICE, 500, { timeMs: tomorrowMs, nowMs: tomorrowMs })
    const [next] = table.crossings.takeUnreported()
    assert.deepEqual([next!.level, next!.periodStart], ['soft', periodStart('day', tomorrowMs)])
    assert.notEqual(crossingId(next!), crossingId(soft!))
  })

  it('is forgotten when there are too many, the oldest first', () => {
    const crossings = new Crossings(100)
    const name = (i: number) => ({
      budget: 'b',
      period: 'day' as const,
      periodStart: periodStart('day', NOW_MS),
      level: 'hard' as const,
      holder: `u${i}`,
    })
    for (let i = 0; i < 1_000; i++) crossings.markReported(name(i))
    const told = [...crossings.told()].map(([text]) => text)
    assert.equal(told.length, 100)
    assert.ok(told[0]!.endsWith('/u900'))
  })

  it('has the same id at every node', () => {
    const [one, two] = [tableOf([daily()]), tableOf([daily()])]
    for (const [table, request] of [[one, 'r1'] as const, [two, 'r2'] as const]) {
      fold(table, request, ALICE, 900)
    }
    assert.equal(
      crossingId(one.crossings.takeUnreported()[0]!),
      crossingId(two.crossings.takeUnreported()[0]!),
    )
  })

  it('that is in the log already is not reported again', () => {
    const table = tableOf([daily()])
    fold(table, 'r1', ALICE, 900)
    const [soft] = table.crossings.takeUnreported()
    const after = tableOf([daily()])
    fold(after, 'r1', ALICE, 900)
    after.crossings.markReported(soft!)
    assert.deepEqual(after.crossings.takeUnreported(), [])
    const restarted = tableOf([daily()])
    restarted.crossings.restore(after.crossings.told())
    fold(restarted, 'r1', ALICE, 900)
    assert.deepEqual(restarted.crossings.takeUnreported(), [])
  })

  it('is one of the limit when a call is refused below it, but not when only calls in flight are in the way', () => {
    const table = tableOf([daily()])
    let told = 0
    table.onUnreported = () => told++
    table.reserve('r1', ALICE, tokens(800))
    table.refused(table.ask(ALICE, tokens(300), NOW_MS), ALICE, 'r2')
    assert.equal(told, 0)
    table.refused(table.ask(ALICE, tokens(1_001), NOW_MS), ALICE, 'r3')
    table.refused(table.ask(ALICE, tokens(1_001), NOW_MS), ALICE, 'r4')
    assert.equal(told, 1)
    const [hard] = table.crossings.takeUnreported()
    assert.deepEqual([hard!.level, hard!.request, hard!.used], ['hard', 'r3', 0])
  })
})
