import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readModelList } from './model-lists.ts'

it('a list of models is cut after 10,000, and names that are too long are left out', () => {
  const data = Array.from({ length: 10_010 }, (_, i) => ({ id: `m${i}` }))
  assert.equal(readModelList({ data }, 'openai')?.length, 10_000)
  assert.deepEqual(readModelList({ data: [{ id: 'x'.repeat(257) }] }, 'openai'), [])
})
