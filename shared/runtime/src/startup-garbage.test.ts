import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collectStartupGarbage } from './run.ts'

test('garbage is given back, and no other code can start a collection', () => {
  const before = process.memoryUsage().heapUsed
  let garbage: unknown[] | undefined = Array.from({ length: 500_000 }, (_, n) => ({ n }))
  const grown = process.memoryUsage().heapUsed - before
  assert.equal(garbage.length, 500_000)
  garbage = undefined
  collectStartupGarbage()
  assert.ok(process.memoryUsage().heapUsed - before < grown / 4)
  assert.equal(globalThis.gc, undefined)
})
