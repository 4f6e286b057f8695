import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Slots } from './stream.http.ts'

it('jobs and tails beyond their number are refused, and taken when one has ended', () => {
  const places = new Slots(3)
  const taken = Array.from({ length: 3 }, () => places.take())
  assert.equal(places.take(), undefined)
  taken[0]![Symbol.dispose]()
  assert.ok(places.take())
  assert.equal(places.take(), undefined)
})
