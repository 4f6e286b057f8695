import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeeperThan, MAX_JSON_DEPTH, readJson } from './json.ts'

const BOUNDS = { maxSize: 10_000_000 }
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)

test('readJson returns the value when size and depth are within bounds', () => {
  const text = '{"a":[1,{"b":"] } \\" ["}],"c":null}'
  assert.deepEqual(readJson(Buffer.from(text), BOUNDS), { ok: true, value: JSON.parse(text) })
  assert.deepEqual(readJson(text, BOUNDS), { ok: true, value: JSON.parse(text) })
})

test('readJson refuses a document when it is nested too deep, whole or cut', () => {
  assert.equal(readJson(nested(MAX_JSON_DEPTH), BOUNDS).ok, true)
  const reason = `nested deeper than ${MAX_JSON_DEPTH} levels`
  for (const text of [nested(MAX_JSON_DEPTH + 1), nested(450_000), '{"a":'.repeat(450_000)]) {
    assert.deepEqual(readJson(text, BOUNDS), { ok: false, reason })
  }
})

test('readJson refuses a document when it is too large, before it is read', () => {
  assert.deepEqual(readJson('not JSON at all', { maxSize: 4 }), { ok: false, reason: 'larger than 4 bytes' })
})

test('readJson refuses what is not JSON or not UTF-8', () => {
  for (const json of ['', '{', '{"a":"', Buffer.from([0x22, 0xff, 0x22])]) {
    assert.deepEqual(readJson(json, BOUNDS), { ok: false, reason: 'not JSON' })
  }
})

test('isDeeperThan counts no bracket inside a string, whatever escapes come before its end', () => {
  assert.equal(isDeeperThan(`["${'['.repeat(500)}","\\\\","\\\\\\"[[[["]`, 1), false)
  assert.equal(isDeeperThan('[["\\\\"],[[]]]', 2), true)
})

test('isDeeperThan reads in linear time when a string is never closed', () => {
  assert.equal(isDeeperThan(`"${'\\'.repeat(2_000_000)}`, 1), false)
  assert.equal(isDeeperThan(`"${'\\"'.repeat(200_000)}`, 1), false)
})
