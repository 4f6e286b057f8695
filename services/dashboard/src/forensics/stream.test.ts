import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Slots } from './stream.http.ts'

it('Slots refuses jobs beyond its number, and accepts one when another has ended', () => {
  const places = new Slots(3)
  const taken = Array.from({ length: 3 }, () => places.take())
  assert.equal(places.take(), undefined)
  taken[0]![Symbol.dispose]()
  assert.ok(places.take())
  assert.equal(places.take(), undefined)
})
