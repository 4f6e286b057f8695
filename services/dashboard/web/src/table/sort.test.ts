import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sorted, turned } from './sort.ts'

const rows = [{ n: 2 }, { n: null }, { n: 10 }, { n: 1 }]
const by = (row: { n: number | null }) => row.n

describe('sorted', () => {
  it('leaves the order of the rows when nothing is sorted by', () => {
    assert.deepEqual(sorted(rows, undefined, by), rows)
    assert.deepEqual(sorted(rows, { column: 0, direction: 'ascending' }, undefined), rows)
  })

  it('puts rows without a value last when sorted in either direction', () => {
    const values = (direction: 'ascending' | 'descending') =>
      sorted(rows, { column: 0, direction }, by).map(({ n }) => n)
    assert.deepEqual(values('descending'), [10, 2, 1, null])
    assert.deepEqual(values('ascending'), [1, 2, 10, null])
  })
})

describe('turned', () => {
  it('goes from descending to ascending to none when the same heading is clicked', () => {
    const first = turned(undefined, 2)
    const second = turned(first, 2)
    assert.deepEqual(first, { column: 2, direction: 'descending' })
    assert.deepEqual(second, { column: 2, direction: 'ascending' })
    assert.equal(turned(second, 2), undefined)
    assert.deepEqual(turned(first, 3), { column: 3, direction: 'descending' })
  })
})
