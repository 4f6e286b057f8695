import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkApiKey, newApiKey } from './api-key.ts'

test('a key is taken as it was made, and as nothing else that looks like it', () => {
  const near = fc.record({
    seed: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    at: fc.nat(45),
    text: fc.oneof(fc.string({ maxLength: 3 }), fc.string({ unit: 'binary', maxLength: 3 })),
    cut: fc.nat(3),
  })
  fc.assert(
    fc.property(near, ({ seed, at, text, cut }) => {
      const bytes = Buffer.concat([seed, randomBytes(1_024)])
      const { key, hash: known } = newApiKey(() => bytes)
      const check = checkApiKey(key)
      assert.ok(check.ok)
      assert.equal(check.hash, known)
      assert.equal(known, hash('sha256', key, 'binary'))
      const other = key.slice(0, at) + text + key.slice(at + cut)
      assert.equal(checkApiKey(other).ok, other === key, other)
    }),
    { numRuns: 5_000 },
  )
})

test('no text is taken for a key', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary', minLength: 46, maxLength: 46 }))
  fc.assert(fc.property(text, other => !checkApiKey(other).ok && !checkApiKey(`sk_live_${other}`).ok))
})
