import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { judge, type Measured, median, merged } from './line.ts'
import { figure, tableOf } from './table.ts'

const speed: Measured = {
  row: 'unary',
  what: 'requests',
  unit: '/s',
  compared: 'ratio',
  errors: 0,
  ours: [60, 80, 70],
  base: { name: 'bare', values: [100, 100, 200] },
  must: { atLeast: 0.55 },
  aim: { atLeast: 0.8 },
}

describe('a figure of the bench', () => {
  it('is compared within each round, and the median counts', () => {
    assert.deepEqual(judge(speed), { value: 0.6, least: 0.35, most: 0.8, verdict: 'met' })
    assert.equal(judge({ ...speed, ours: [90, 90, 180] }).verdict, 'aim met')
    assert.equal(judge({ ...speed, ours: [50, 50, 100] }).verdict, 'MISSED')
    assert.equal(judge({ ...speed, compared: 'saving' }).value, 100 / 60)
    assert.equal(judge({ ...speed, compared: 'added' }).value, -40)
    assert.equal(judge({ ...speed, compared: 'alone', must: { atMost: 70 } }).value, 70)
    const { must, aim, ...free } = speed
    assert.equal(judge(free).verdict, 'reported')
    assert.equal(judge({ ...speed, must: { atMost: 0.6 }, aim: { atMost: 0.5 } }).verdict, 'met')
  })

  it('is not valid with an error, or without a value', () => {
    assert.equal(judge({ ...speed, errors: 1 }).verdict, 'invalid')
    assert.equal(judge({ ...speed, ours: [] }).verdict, 'invalid')
    assert.equal(judge({ ...speed, base: { name: 'bare', values: [] } }).verdict, 'invalid')
  })

  it('has the rounds of several runs', () => {
    const gone = { row: 'tls', what: 'requests', skipped: 'no nginx' }
    const [both, tls] = merged([[speed, gone], [{ ...speed, errors: 2 }]])
    assert.ok(both && 'ours' in both)
    assert.deepEqual(both.ours, [60, 80, 70, 60, 80, 70])
    assert.deepEqual(both.base?.values.length, 6)
    assert.equal(both.errors, 2)
    assert.deepEqual(tls, gone)
    assert.deepEqual(merged([[gone], [{ ...speed, row: 'tls' }]]), [{ ...speed, row: 'tls' }])
  })

  it('is shown in a table, with what was skipped and why', () => {
    const table = tableOf([speed, { row: 'tls', what: 'requests', skipped: 'no nginx' }])
    const [head, rule, first] = table.split('\n')
    assert.equal(new Set([head!.length, rule!.length, first!.length]).size, 1, 'aligned')
    assert.match(
      first!,
      /\| 70 \/s +\| bare: 100 \/s \| 0\.6 × +\| 0\.35 to 0\.8 \| ≥ 0\.55 × \| ≥ 0\.8 × \| met/,
    )
    assert.match(table, /- tls, requests: skipped, no nginx/)
  })

  it('has three digits that mean something', () => {
    const shown = [0.12345, 1.2345, 12.345, 1_234.5, 0, 1e6, Number.NaN].map(figure)
    assert.deepEqual(shown, ['0.123', '1.23', '12.3', '1,235', '0', '1,000,000', '–'])
    assert.equal(median([4, 1, 3, 2]), 2.5)
  })
})
