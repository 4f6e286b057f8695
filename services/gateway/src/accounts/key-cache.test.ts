import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import { newApiKey } from './api-key.ts'
import { KeyCache } from './key-cache.ts'
import type { KeyFinding, KeyRecord } from './key-directory.ts'
import { keyGate } from './key-gate.ts'

function recordOf(keyId: string, changes: Partial<KeyRecord> = {}): KeyRecord {
  const identity = { user: changes.user ?? 'ann', key: keyId }
  const caller = { identity, identityText: `${identity.user}.${keyId}`, tier: 'free' } as const
  return {
    keyId,
    user: identity.user,
    tier: 'free',
    role: 'developer',
    expiresAtMs: undefined,
    revoked: false,
    disabled: false,
    accepted: { kind: 'accepted', caller },
    ...changes,
  }
}

const limits = { maxKnown: 3, maxUnknown: 3, unknownMs: 30_000 }

describe('the memory of keys', () => {
  test('finds a key by its hash, and forgets it by its id or its user', () => {
    const cache = new KeyCache({ ...limits, maxKnown: 10 })
    for (const [hash, keyId, user] of [
      ['h1', 'k1', 'ann'],
      ['h2', 'k2', 'ann'],
      ['h3', 'k3', 'bob'],
    ] as const) {
      cache.keep(hash, recordOf(keyId, { user }), 5)
    }
    assert.deepEqual(cache.get('h1'), { record: recordOf('k1'), checkedAtMs: 5 })
    cache.forgetKey('k1')
    cache.forgetKey('never seen')
    assert.deepEqual([cache.get('h1'), cache.size], [undefined, 2])
    cache.forgetUser('ann')
    assert.deepEqual([cache.get('h2'), cache.get('h3')?.record.keyId, cache.size], [undefined, 'k3', 1])
    cache.forgetUser('ann')
    cache.forgetUser('bob')
    assert.equal(cache.size, 0)
  })

  test('is bounded: the longest unchecked goes first', () => {
    const cache = new KeyCache(limits)
    for (const name of ['1', '2', '3', '1', '4']) cache.keep(`h${name}`, recordOf(`k${name}`), 0)
    assert.equal(cache.size, 3)
    assert.equal(cache.get('h2'), undefined)
    assert.ok(cache.get('h1'))
  })

  test('keeps unknown keys apart, for half a minute, and no more than it may', () => {
    const cache = new KeyCache(limits)
    cache.keep('good', recordOf('k1'), 0)
    for (let i = 0; i < 100; i++) cache.cacheUnknown(`bad${i}`, i)
    assert.equal(cache.unknownSize, 3)
    assert.ok(cache.get('good'))
    assert.equal(cache.isUnknown('bad99', 30_098), true)
    assert.equal(cache.isUnknown('bad99', 30_099), false)
    assert.equal(cache.isUnknown('bad0', 100), false)
  })

  test('turns a key that is gone into an unknown one, and back', () => {
    const cache = new KeyCache(limits)
    cache.keep('h', recordOf('k'), 0)
    cache.cacheUnknown('h', 1)
    assert.deepEqual([cache.get('h'), cache.isUnknown('h', 1)], [undefined, true])
    cache.keep('h', recordOf('k'), 2)
    assert.equal(cache.isUnknown('h', 2), false)
  })
})

describe('the answer to a key', () => {
  const { key, hash } = newApiKey(size => new Uint8Array(size).fill(7))
  const NOW = 1_000
  const asked: string[] = []
  const used: string[] = []
  const answer = (found: KeyFinding | Promise<KeyFinding>, text = key): KeyAnswer | Promise<KeyAnswer> => {
    asked.length = used.length = 0
    const lookup = (text: string) => {
      asked.push(text)
      return found
    }
    return keyGate(
      { lookup },
      keyId => used.push(keyId),
      () => NOW,
    )(text)
  }

  test('is its caller, made once', () => {
    const record = recordOf('k1')
    assert.equal(answer(record), record.accepted)
    assert.deepEqual([asked, used], [[hash], ['k1']])
    assert.equal(answer(recordOf('k1', { expiresAtMs: NOW + 1 })).constructor, Object)
  })

  test('is the reason why not', () => {
    const reasons = [
      [recordOf('k1', { revoked: true }), 'revoked'],
      [recordOf('k1', { disabled: true }), 'disabled'],
      [recordOf('k1', { expiresAtMs: NOW }), 'expired'],
      ['unknown', 'unknown'],
    ] as const
    for (const [found, reason] of reasons) {
      assert.deepEqual(answer(found), { kind: 'rejected', reason })
      assert.deepEqual(used, [])
    }
    assert.deepEqual(answer('unavailable'), { kind: 'unavailable' })
  })

  test('needs no look-up for a typo', () => {
    const mistyped = `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`
    for (const text of [mistyped, '', 'sk-proj-abc']) {
      assert.deepEqual(answer(recordOf('k1'), text), { kind: 'rejected', reason: 'malformed' })
      assert.deepEqual(asked, [])
    }
  })

  test('comes later only when the look-up does', async () => {
    const record = recordOf('k1')
    const later = answer(Promise.resolve(record))
    assert.ok(later instanceof Promise)
    assert.equal(await later, record.accepted)
  })
})
