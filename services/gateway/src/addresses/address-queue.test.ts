import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AddressQueue } from './address-queue.ts'

it('clear addresses beyond the room of the queue are not stored, and those before them are, in their order', () => {
  const queue = new AddressQueue()
  const added = Array.from({ length: 10_500 }, (_, i) => queue.add(`a_${i}`, `10.0.${i >> 8}.${i & 255}`))
  assert.deepEqual([added.filter(Boolean).length, queue.size], [10_000, 10_000])
  assert.deepEqual(queue.take(2), [
    ['a_0', '10.0.0.0'],
    ['a_1', '10.0.0.1'],
  ])
  assert.equal(queue.add('a_next', '10.1.0.0'), true)
  assert.equal(queue.take(20_000).length, 9_999)
  assert.equal(queue.size, 0)
})
