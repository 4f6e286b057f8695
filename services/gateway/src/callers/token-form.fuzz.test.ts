import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasNameTwice } from './json-names.ts'
import { isTokenForm, typeOfToken } from './token-form.ts'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a name twice is found in any object, however its values look', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('"', '\\', '{"a":1,"a":2}', ',"a":'))
  const object = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('a', '"', '\\"')), value, { minKeys: 1 })
  fc.assert(
    fc.property(object, fc.nat(3), (made, indent) => {
      const json = JSON.stringify(made, undefined, indent)
      assert.equal(hasNameTwice(json), false)
      const [name] = Object.keys(made)
      assert.equal(hasNameTwice(`{${JSON.stringify(name)}:1,${json.slice(1)}`), true)
    }),
    { numRuns: 2_000 },
  )
})

test('a token’s type is read as JSON says, and nothing makes the reader throw', () => {
  const header = fc.dictionary(fc.constantFrom('typ', 'alg', 'kid', 'x'), fc.jsonValue())
  fc.assert(
    fc.property(header, fc.dictionary(fc.string(), fc.jsonValue()), (head, claims) => {
      const token = `${part(head)}.${part(claims)}.c2ln`
      assert.ok(isTokenForm(token))
      assert.deepEqual(typeOfToken(token), { typ: JSON.parse(JSON.stringify(head)).typ })
    }),
  )
  const anything = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.base64String())
  fc.assert(fc.property(anything, anything, (head, claims) => void typeOfToken(`${head}.${claims}.x`)))
})
