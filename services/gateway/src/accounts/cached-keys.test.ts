import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { CachedKeys, type CachedKeysLimits } from './cached-keys.timer.ts'
import type { KeyFinding, KeyRecord } from './key-directory.ts'
import { LastUses } from './last-uses.pg.ts'

const SECOND = 1_000

/** A Postgres of one test: rows, and what it does when asked. */
class Rows {
  readonly rows = new Map<string, KeyRecord>()
  readonly asked: string[] = []
  mode: 'up' | 'down' | 'silent' | 'held' = 'up'
  #buffered: Array<() => void> = []

  readonly find = async (hash: string): Promise<KeyRecord | undefined> => {
    this.asked.push(hash)
    const row = this.rows.get(hash)
    if (this.mode === 'down') throw new Error('connection refused')
    if (this.mode === 'silent') return new Promise(() => {})
    if (this.mode === 'held') await new Promise<void>(resolve => this.#buffered.push(resolve))
    return row
  }

  release(): void {
    for (const resolve of this.#buffered.splice(0)) resolve()
  }
}

const record = (keyId: string, changes: Partial<KeyRecord> = {}): KeyRecord => ({
  keyId,
  user: 'ann',
  tier: 'free',
  role: 'developer',
  expiresAtMs: undefined,
  revoked: false,
  disabled: false,
  accepted: { kind: 'unavailable' },
  ...changes,
})

describe('cached keys', () => {
  let db: Rows
  let nowMs: number
  let outages: unknown[]
  let keys: CachedKeys
  const open = (limits: Partial<CachedKeysLimits> = {}) =>
    new CachedKeys(
      db.find,
      () => nowMs,
      error => outages.push(error),
      { askTimeoutMs: 20, ...limits },
    )
  const isNow = (found: KeyFinding | Promise<KeyFinding>): KeyFinding => {
    assert.ok(!(found instanceof Promise), 'the answer should be there at once')
    return found
  }
  beforeEach(() => {
    db = new Rows()
    db.rows.set('h1', record('k1'))
    nowMs = 0
    outages = []
    keys = open()
  })

  test('are asked for once, and then known at once', async () => {
    const first = keys.lookup('h1')
    assert.ok(first instanceof Promise)
    assert.deepEqual(await first, record('k1'))
    nowMs = 29 * SECOND
    assert.equal(isNow(keys.lookup('h1')), db.rows.get('h1'))
    assert.deepEqual(db.asked, ['h1'])
  })

  test('that are unknown stay so for half a minute', async () => {
    assert.equal(await keys.lookup('nope'), 'unknown')
    nowMs = 29 * SECOND
    assert.equal(isNow(keys.lookup('nope')), 'unknown')
    nowMs = 30 * SECOND
    db.rows.set('nope', record('k9'))
    assert.deepEqual(await keys.lookup('nope'), record('k9'))
  })

  test('are asked for once by all who wait', async () => {
    db.mode = 'held'
    const waiting = Array.from({ length: 100 }, () => keys.lookup('h1'))
    db.release()
    for (const found of await Promise.all(waiting)) assert.deepEqual(found, record('k1'))
    assert.deepEqual(db.asked, ['h1'])
  })

  test('in use are refreshed before they are too old, without a wait', async () => {
    await keys.lookup('h1')
    nowMs = 30 * SECOND
    db.rows.set('h1', record('k1', { tier: 'pro' }))
    assert.equal((isNow(keys.lookup('h1')) as KeyRecord).tier, 'free')
    await new Promise(setImmediate)
    assert.equal((isNow(keys.lookup('h1')) as KeyRecord).tier, 'pro')
    assert.equal(db.asked.length, 2)
  })

  test('not used for a minute are waited for: a revocation that was not heard counts', async () => {
    await keys.lookup('h1')
    nowMs = 60 * SECOND
    db.rows.set('h1', record('k1', { revoked: true }))
    assert.equal(((await keys.lookup('h1')) as KeyRecord).revoked, true)
  })

  test('that are evicted are asked for, by key and by user', async () => {
    for (const evict of [() => keys.evictKey('k1'), () => keys.evictUser('ann')]) {
      await keys.lookup('h1')
      const before = db.asked.length
      keys.evictKey('other')
      keys.evictUser('bob')
      isNow(keys.lookup('h1'))
      evict()
      assert.deepEqual(await keys.lookup('h1'), record('k1'))
      assert.equal(db.asked.length, before + 1)
    }
  })

  test('that are evicted while they are asked for are asked for again', async () => {
    db.mode = 'held'
    const found = keys.lookup('h1')
    db.rows.set('h1', record('k1', { revoked: true }))
    keys.evictKey('k1')
    db.mode = 'up'
    db.release()
    assert.equal(((await found) as KeyRecord).revoked, true)
    assert.equal((isNow(keys.lookup('h1')) as KeyRecord).revoked, true)
    assert.equal(db.asked.length, 2)
  })

  test('that are evicted again and again get an answer, which is not cached', async () => {
    const storm = new CachedKeys(
      async hash => {
        storm.evictKey('another')
        return db.find(hash)
      },
      () => nowMs,
      error => outages.push(error),
    )
    assert.deepEqual(await storm.lookup('h1'), record('k1'))
    assert.deepEqual([db.asked.length, storm.size], [3, 0])
  })

  test('are all checked again when something may have been missed', async () => {
    await keys.lookup('h1')
    nowMs = 1
    db.rows.set('h1', record('k1', { revoked: true }))
    keys.recheckAll()
    assert.equal(((await keys.lookup('h1')) as KeyRecord).revoked, true)
    isNow(keys.lookup('h1'))
  })

  test('keep working while Postgres is away, and unknown ones are not called wrong', async () => {
    await keys.lookup('h1')
    db.mode = 'down'
    for (nowMs of [59 * SECOND, 61 * SECOND, 600 * SECOND, 3_599 * SECOND]) {
      assert.deepEqual(await keys.lookup('h1'), record('k1'))
      assert.equal(await keys.lookup('new'), 'unavailable')
    }
    keys.recheckAll()
    assert.deepEqual(await keys.lookup('h1'), record('k1'))
    assert.equal(outages.length, 1)
    nowMs = 3_600 * SECOND
    assert.equal(await keys.lookup('h1'), 'unavailable')
  })

  test('do not come back while Postgres is away once they are evicted', async () => {
    await keys.lookup('h1')
    db.mode = 'down'
    keys.evictKey('k1')
    assert.equal(await keys.lookup('h1'), 'unavailable')
  })

  test('ask a Postgres that is away once a second, and trust it again when it answers', async () => {
    await keys.lookup('h1')
    db.mode = 'silent'
    nowMs = 61 * SECOND
    assert.deepEqual(await keys.lookup('h1'), record('k1'))
    const before = db.asked.length
    for (let i = 0; i < 1_000; i++) {
      isNow(keys.lookup('h1'))
      assert.equal(isNow(keys.lookup(`new${i}`)), 'unavailable')
    }
    assert.equal(db.asked.length, before)
    assert.equal(keys.isAway, true)
    db.mode = 'up'
    nowMs += SECOND
    assert.deepEqual(isNow(keys.lookup('h1')), record('k1'))
    await new Promise(setImmediate)
    assert.equal(keys.isAway, false)
    assert.equal(await keys.lookup('new'), 'unknown')
    assert.equal(outages.length, 1)
  })

  test('ask no more than they may at once', async () => {
    keys = open({ maxAsking: 2, askTimeoutMs: 1_000 })
    await keys.lookup('h1')
    db.mode = 'held'
    const waiting = ['a', 'b'].map(hash => keys.lookup(hash))
    assert.equal(isNow(keys.lookup('c')), 'unavailable')
    nowMs = 61 * SECOND
    assert.deepEqual(isNow(keys.lookup('h1')), record('k1'))
    db.release()
    assert.deepEqual(await Promise.all(waiting), ['unknown', 'unknown'])
    db.mode = 'up'
    assert.equal(await keys.lookup('c'), 'unknown')
  })
})

describe('last uses', () => {
  const quiet = { warn() {} }

  test('are stored in one batch, the latest of each key, and what cannot be stored waits', async () => {
    const batches: Array<readonly { keyId: string; usedAt: number }[]> = []
    let up = false
    let nowMs = 1
    const store = async (batch: readonly { keyId: string; usedAt: number }[]) => {
      if (!up) throw new Error('down')
      batches.push(batch)
    }
    const uses = new LastUses(store, () => nowMs, quiet, 1_000_000)
    uses.note('k1')
    uses.note('k2')
    await uses.flush()
    nowMs = 2
    uses.note('k1')
    up = true
    await uses.flush()
    await uses.flush()
    const stored = [...(batches[0] ?? [])].sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
    assert.deepEqual(stored, [
      { keyId: 'k1', usedAt: 2 },
      { keyId: 'k2', usedAt: 1 },
    ])
    assert.equal(batches.length, 1)
    uses.note('k3')
    await uses[Symbol.asyncDispose]()
    assert.deepEqual(batches[1], [{ keyId: 'k3', usedAt: 2 }])
  })
})
