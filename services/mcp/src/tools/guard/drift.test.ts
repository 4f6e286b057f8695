import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drift } from './debug-guard-state.ts'

test('drift is null when a list may have been cut', () => {
  assert.deepEqual(drift(['a', 'b'], ['b', 'c'], 5), { onlyInBucket: ['a'], onlyInTables: ['c'] })
  assert.equal(drift(['a', 'b'], [], 2), null)
})
