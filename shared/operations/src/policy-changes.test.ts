import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { policyChanges } from './policy-changes.ts'

describe('the changes of a policy', () => {
  it('are listed leaf by leaf; what came and went has one side only, and a list is a leaf', () => {
    const from = { a: { b: 1, c: 'x' }, list: [1, 2], gone: { deep: true }, same: null }
    const to = { a: { b: 2, c: 'x' }, list: [1, 3], came: false, same: null }
    assert.deepEqual(policyChanges(from, to), [
      { path: '/a/b', from: '1', to: '2' },
      { path: '/list', from: '[1,2]', to: '[1,3]' },
      { path: '/gone', from: '{"deep":true}' },
      { path: '/came', to: 'false' },
    ])
    assert.deepEqual(policyChanges(from, structuredClone(from)), [])
    assert.deepEqual(policyChanges(undefined, { a: 1 }), [{ path: '/', to: '{"a":1}' }])
  })

  it('keep to the limits of their event', () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`key${i}`, i]))
    const changes = policyChanges({}, many)
    assert.equal(changes.length, 100)
    assert.deepEqual(changes.at(-1), { path: 'and 51 more' })
    const [long] = policyChanges({ ['p'.repeat(300)]: 'x'.repeat(5_000) }, {})
    assert.deepEqual([long?.path.length, long?.from?.length], [256, 4_000])
  })
})
