import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeTime, isValid } from 'ulid'
import { createIds } from './ids.ts'

test('ids are ULIDs that rise, in one millisecond and with the clock set back, and tell their time', () => {
  let nowMs = 1_700_000_000_000
  const newId = createIds(() => nowMs)
  let last = ''
  for (let i = 0; i < 30_000; i++) {
    if (i === 10_000) nowMs += 5
    if (i === 20_000) nowMs -= 3_600_000
    const id = newId()
    assert.ok(id > last, `${id} after ${last}`)
    if (i % 1_000 === 0) assert.ok(isValid(id))
    last = id
  }
  assert.equal(decodeTime(last), 1_700_000_000_005)
})

test('more than a million ids in one millisecond borrow from the next', () => {
  const newId = createIds(() => 1_700_000_000_000)
  let last = ''
  for (let i = 0; i < 1_100_000; i++) {
    const id = newId()
    if (id <= last) assert.fail(`${id} after ${last}`)
    last = id
  }
  assert.ok(decodeTime(last) > 1_700_000_000_000)
})

test('two processes do not make the same ids', () => {
  const [one, other] = [createIds(() => 1_700_000_000_000), createIds(() => 1_700_000_000_000)]
  assert.notEqual(one(), other())
})
