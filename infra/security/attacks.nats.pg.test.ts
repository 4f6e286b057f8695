import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attack } from './src/all.ts'
import { startTarget } from './src/target.ts'

/** Every n-th input of the long families; `npm run fluxgate -- attacks` takes all. */
const EVERY_NTH = 6

test('attacks on every API are refused or harmless, and the system stays healthy', {
  timeout: 180_000,
}, async () => {
  await using target = await startTarget()
  const rows = await attack(target, EVERY_NTH)
  assert.ok(rows.every(({ tried }) => tried > 0))
  assert.deepEqual(
    rows.flatMap(({ family, wrong }) => wrong.map(reported => `${family}: ${reported}`)),
    [],
  )
})
