import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LongCalls } from './long-calls.ts'

test('LongCalls refuses a call when its session or all sessions have as many as they may', () => {
  const calls = new LongCalls({ maxLongCallsOfSession: 1, maxLongCalls: 2 })
  assert.deepEqual(
    ['a', 'a', 'b', 'c'].map(session => calls.begin(session)),
    ['ok', 'session', 'ok', 'all'],
  )
  calls.end('a')
  assert.deepEqual(
    ['b', 'c', 'a'].map(session => calls.begin(session)),
    ['session', 'ok', 'all'],
  )
})
