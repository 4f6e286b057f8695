import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlotList } from './slot-list.ts'

test('SlotList holds an item until it is removed when slots are used again', () => {
  const list = new SlotList<string>()
  const slots = ['a', 'b', 'c'].map(item => list.add(item))
  list.remove(slots[1]!)
  assert.deepEqual([list.size, [...list]], [2, ['a', 'c']])
  const slot = list.add('d')
  assert.deepEqual([list.size, [...list].sort()], [3, ['a', 'c', 'd']])
  for (const each of [slots[0]!, slots[2]!, slot]) list.remove(each)
  assert.deepEqual([list.size, [...list]], [0, []])
})

test('SlotList ends an iteration when its items are removed meanwhile', () => {
  const list = new SlotList<{ slot: number }>()
  for (let i = 0; i < 3; i++) {
    const item = { slot: 0 }
    item.slot = list.add(item)
  }
  let seen = 0
  for (const { slot } of list) {
    list.remove(slot)
    seen++
  }
  assert.deepEqual([seen, list.size], [3, 0])
})
