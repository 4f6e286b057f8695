import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Roster } from './roster.ts'

test('holds what was added until it is removed, however often places change hands', () => {
  const roster = new Roster<string>()
  const places = ['a', 'b', 'c'].map(item => roster.add(item))
  roster.remove(places[1]!)
  assert.deepEqual([roster.size, [...roster]], [2, ['a', 'c']])
  const place = roster.add('d')
  assert.deepEqual([roster.size, [...roster].sort()], [3, ['a', 'c', 'd']])
  for (const each of [places[0]!, places[2]!, place]) roster.remove(each)
  assert.deepEqual([roster.size, [...roster]], [0, []])
})

test('can be emptied while it is gone through', () => {
  const roster = new Roster<{ place: number }>()
  for (let i = 0; i < 3; i++) {
    const item = { place: 0 }
    item.place = roster.add(item)
  }
  let seen = 0
  for (const { place } of roster) {
    roster.remove(place)
    seen++
  }
  assert.deepEqual([seen, roster.size], [3, 0])
})
