import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { checkApiKey, hashBytes, KEY_CHARS, newApiKey } from './api-key.ts'

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

describe('an API key', () => {
  test('has the prefix, 32 random characters and a checksum, and is found by its SHA-256', () => {
    const { key, hash, prefix, last4 } = newApiKey(randomBytes)
    assert.match(key, /^sk_live_[0-9A-Za-z]{38}$/)
    assert.equal(key.length, KEY_CHARS)
    assert.deepEqual(checkApiKey(key), { ok: true, hash })
    assert.deepEqual(hashBytes(hash), createHash('sha256').update(key).digest())
    assert.equal(prefix, key.slice(0, 12))
    assert.equal(last4, key.slice(-4))
  })

  test('has the CRC-32 that everyone computes, in base62', () => {
    for (let i = 0; i < 200; i++) {
      const { key } = newApiKey(randomBytes)
      const checksum = [...key.slice(40)].reduce((sum, digit) => sum * 62 + DIGITS.indexOf(digit), 0)
      assert.equal(checksum, crc32(key.slice(8, 40)))
    }
  })

  test('uses each character as often as the others', () => {
    const counts = new Map<string, number>()
    const KEYS = 4_000
    for (let i = 0; i < KEYS; i++) {
      for (const char of newApiKey(randomBytes).key.slice(8, 40))
        counts.set(char, (counts.get(char) ?? 0) + 1)
    }
    assert.equal(counts.size, 62)
    const expected = (KEYS * 32) / 62
    const chiSquare = [...counts.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    // 61 degrees of freedom: beyond 120 once in a hundred thousand runs.
    assert.ok(chiSquare < 120, `χ² = ${chiSquare}`)
  })

  test('takes no byte that would make some characters likelier', () => {
    let call = 0
    const { key } = newApiKey(size => new Uint8Array(size).fill(call++ === 0 ? 255 : 1))
    assert.equal(key.slice(8, 40), '1'.repeat(32))
  })
})

describe('refused without a look-up', () => {
  const { key } = newApiKey(randomBytes)

  test('each change of one character, and each two neighbours swapped', () => {
    for (let i = 0; i < key.length; i++) {
      for (const char of [...DIGITS, ' ', '_', 'é', '\u0000', '€']) {
        if (char === key[i]) continue
        assert.equal(checkApiKey(key.slice(0, i) + char + key.slice(i + 1)).ok, false)
      }
      const swapped = key.slice(0, i) + (key[i + 1] ?? '') + key[i] + key.slice(i + 2)
      if (swapped !== key) assert.equal(checkApiKey(swapped).ok, false)
    }
  })

  test('a key cut short, drawn out, or of another', () => {
    const texts = ['', key.slice(1), key.slice(0, -1), `${key}0`, ` ${key}`, `sk_test_${key.slice(8)}`]
    const others = [
      key.toUpperCase(),
      'sk-proj-abcdef',
      'x'.repeat(KEY_CHARS),
      '__proto__',
      `${key.slice(0, 45)}😀`,
    ]
    for (const text of [...texts, ...others]) assert.equal(checkApiKey(text).ok, false, text)
  })

  test('garbage of any length, in no time', () => {
    const huge = 'sk_live_'.repeat(1_000_000)
    const started = performance.now()
    for (let i = 0; i < 1_000; i++) checkApiKey(huge)
    assert.ok(performance.now() - started < 50)
  })
})
