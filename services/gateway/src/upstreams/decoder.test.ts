import assert from 'node:assert/strict'
import { it } from 'node:test'
import { decodingOf } from './decoder.ts'

it('an answer with more than three codings is not decoded', () => {
  assert.equal(decodingOf({ 'content-encoding': 'gzip, br, gzip' })?.length, 3)
  assert.equal(decodingOf({ 'content-encoding': 'gzip, br, gzip, gzip' }), undefined)
  assert.equal(decodingOf({ 'content-encoding': Array(10_000).fill('gzip').join(',') }), undefined)
})
