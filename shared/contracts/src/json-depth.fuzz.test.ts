import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isDeeperThan } from './json.ts'

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let deepest = 0
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner))
  return deepest + 1
}

test('the depth of JSON text is the depth of its value, whatever its strings and names hold', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('[[{', '"', '\\', '\\"[', '}]'))
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'large' },
      fc.jsonValue({ maxDepth: 2 }),
      text,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(text, tie('value'), { maxKeys: 3 }),
    ),
  }))
  fc.assert(
    fc.property(value, fc.nat(4), (made, indent) => {
      const json = JSON.stringify(made, undefined, indent)
      // Not of what JSON.parse makes of it: that of V8 13.6 reads the name `\"` as `\\` once it has seen an object with that one.
      const depth = depthOf(made)
      assert.equal(isDeeperThan(json, depth), false)
      if (depth > 0) assert.equal(isDeeperThan(json, depth - 1), true)
    }),
    { numRuns: 1_000 },
  )
})
