import assert from 'node:assert/strict'
import { it } from 'node:test'
import { shareFor } from './share.ts'

it('shareFor shares one answer among concurrent callers, and caches no failure', async () => {
  let now = 0
  let made = 0
  let version = 0
  const ask = shareFor({ ageMs: 100, nowMs: () => now, version: () => version }, async () => {
    made++
    if (made === 2) throw new Error('away')
    return made
  })
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1])
  now = 100
  await assert.rejects(ask())
  assert.equal(await ask(), 3)
  version++
  assert.deepEqual(await Promise.all([ask(), ask()]), [4, 4], 'what was made before a change is out of date')
})
