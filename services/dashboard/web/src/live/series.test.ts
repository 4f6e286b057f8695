import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Tick } from '../../../src/live/answers.ts'
import { columnsOf, mergeTicks, peakOf, ratesOver } from './series.ts'

const tick = (second: number, figures: Partial<Tick> = {}): Tick => ({
  at: second * 1_000,
  admitted: 0,
  refused: 0,
  completed: 0,
  failed: 0,
  interrupted: 0,
  tokens: 0,
  active: 0,
  nodes: {},
  ...figures,
})
const seconds = (ticks: readonly Tick[]) => ticks.map(each => each.at / 1_000)

describe('mergeTicks', () => {
  it('appends new ticks, replaces corrected ones, and drops old ones', () => {
    const known = [tick(1), tick(2), tick(3)]
    assert.deepEqual(seconds(mergeTicks(known, [tick(4)], 60_000)), [1, 2, 3, 4])
    const corrected = mergeTicks(known, [tick(2, { refused: 7 }), tick(4)], 60_000)
    assert.deepEqual(seconds(corrected), [1, 2, 3, 4])
    assert.equal(corrected[1]?.refused, 7)
    assert.deepEqual(seconds(mergeTicks(known, [tick(9)], 3_000)), [9])
    assert.deepEqual(seconds(mergeTicks([], [tick(1)], 3_000)), [1])
    assert.deepEqual(mergeTicks(known, [], 3_000), known)
  })

  it('fills the gap after a server restart', () => {
    const before = [tick(1), tick(2, { refused: 1 })]
    const history = [tick(1), tick(2, { refused: 1 }), tick(3, { refused: 2 }), tick(4)]
    assert.deepEqual(mergeTicks(before, history, 60_000), history)
  })
})

describe('ratesOver', () => {
  it('returns means per second and shares', () => {
    const ticks = [
      tick(1, { admitted: 100 }),
      tick(2, { admitted: 6, refused: 2, tokens: 50 }),
      tick(3, { completed: 3, failed: 1, tokens: 30 }),
    ]
    assert.deepEqual(ratesOver(ticks, 2), { requests: 4, tokens: 40, refusedShare: 0.25, failedShare: 0.25 })
    assert.equal(ratesOver([tick(1)], 60).refusedShare, null)
    assert.deepEqual(ratesOver([], 5), { requests: 0, tokens: 0, refusedShare: null, failedShare: null })
    assert.equal(
      peakOf(ticks, each => each.admitted + each.refused),
      100,
    )
  })

  it('columnsOf leaves a gap where ticks are missing', () => {
    const { times, columns } = columnsOf([tick(5, { tokens: 1 }), tick(7, { tokens: 2 })], 4, [
      each => each.tokens,
    ])
    assert.deepEqual(times, [4, 5, 6, 7])
    assert.deepEqual(columns, [[null, 1, null, 2]])
  })
})
