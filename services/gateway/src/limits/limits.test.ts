import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Throttle } from '@fluxgate/contracts'
import { LimitTable } from './limit-table.ts'
import { OwnDebits } from './own-debits.ts'
import { TokenBucket } from './token-bucket.ts'

const throttle = (until: number): Throttle => ({
  capacity: 100,
  refillRate: 10,
  imposedAt: 0,
  until,
  reason: 'flood',
  rule: 'context_flood',
  actor: 'guard',
})

const take = (bucket: TokenBucket, tokens: number, nowMs: number): boolean => {
  if (!bucket.has(tokens, nowMs)) return false
  bucket.debit(tokens, nowMs)
  return true
}

describe('a token bucket', () => {
  it('refills with time up to its capacity', () => {
    const bucket = new TokenBucket({ capacity: 100, refillRate: 10 }, 0)
    assert.ok(take(bucket, 100, 0))
    assert.ok(!take(bucket, 1, 0))
    assert.equal(bucket.waitMs(1, 0), 100)
    assert.equal(bucket.level(1_000), 10)
    assert.ok(take(bucket, 10, 1_000))
    assert.equal(bucket.level(1_000_000), 100)
  })

  it('lets a first call through that asks for more than it can ever hold, and then waits for the debt', () => {
    const bucket = new TokenBucket({ capacity: 100, refillRate: 10 }, 0)
    assert.ok(take(bucket, 1_000, 0))
    assert.equal(bucket.level(0), -900)
    assert.equal(bucket.waitMs(1, 0), 90_100)
  })

  it('of no capacity is a block', () => {
    const bucket = new TokenBucket({ capacity: 0, refillRate: 5 }, 0)
    assert.ok(!take(bucket, 0, 0))
    assert.equal(bucket.waitMs(1, 0), Number.POSITIVE_INFINITY)
  })

  it('never goes back in time and never refills without a rate', () => {
    const bucket = new TokenBucket({ capacity: 10, refillRate: 0 }, 1_000)
    assert.ok(take(bucket, 10, 1_000))
    assert.equal(bucket.level(0), 0)
    assert.equal(bucket.waitMs(1, 2_000), Number.POSITIVE_INFINITY)
  })

  it('keeps what was spent when its tier changes', () => {
    const bucket = new TokenBucket({ capacity: 100, refillRate: 10 }, 0)
    take(bucket, 60, 0)
    bucket.resize({ capacity: 1_000, refillRate: 100 }, 0)
    assert.equal(bucket.level(0), 940)
  })

  it('begins no debt when it shrinks, and forgives none', () => {
    const bucket = new TokenBucket({ capacity: 1_000, refillRate: 10 }, 0)
    take(bucket, 600, 0)
    bucket.resize({ capacity: 100, refillRate: 1 }, 0)
    assert.equal(bucket.level(0), 0)
    bucket.debit(50, 0)
    bucket.resize({ capacity: 10, refillRate: 1 }, 0)
    assert.equal(bucket.level(0), -50)
  })
})

describe('the debt of a token bucket', () => {
  it('is at most what refills in an hour when a settlement reports billions of tokens', () => {
    const bucket = new TokenBucket({ capacity: 5_000, refillRate: 100 }, 0)
    bucket.debit(4e9, 0)
    assert.equal(bucket.level(0), -360_000)
    assert.equal(bucket.waitMs(1, 0), 3_600_010)
    bucket.debit(Number.MAX_SAFE_INTEGER, 0)
    assert.equal(bucket.level(0), -360_000)
    bucket.debit(-100, 0)
    assert.equal(bucket.level(0), -359_900, 'what is given back counts from there')
  })

  it('is at most the capacity when an hour refills less than that', () => {
    const bucket = new TokenBucket({ capacity: 5_000, refillRate: 0 }, 0)
    bucket.debit(4e9, 0)
    assert.equal(bucket.level(0), -5_000)
  })

  it('shrinks with the bucket when its tier changes', () => {
    const bucket = new TokenBucket({ capacity: 50_000, refillRate: 1_000 }, 0)
    bucket.debit(4e9, 0)
    bucket.resize({ capacity: 10, refillRate: 1 }, 0)
    assert.equal(bucket.waitMs(1, 0), 3_601_000)
  })
})

describe('own debits', () => {
  it('owe at most what the bucket can miss when a settlement reports billions of tokens', () => {
    const bucket = new TokenBucket({ capacity: 5_000, refillRate: 100 }, 0)
    const debits = new OwnDebits()
    debits.add(4e9, 100, bucket.maxMissing, 0)
    assert.deepEqual([debits.total, debits.owed(100, 0)], [4e9, 365_000])
    assert.equal(debits.owed(100, 3_650_000), 0, 'so that the busy time ends with the debt')
  })
})

const T0 = 0
/** Admits with the clock's two readings alike. */
const admitAt =
  (table: LimitTable, nowMs = T0) =>
  (identity: string, tokens: number, limit?: Throttle, isStream = false) =>
    table.admit(identity, 'free', tokens, isStream, limit, nowMs, nowMs)

describe('the limit table', () => {
  it('admits by tier and tells how long to wait', () => {
    const admit = admitAt(new LimitTable())
    assert.ok(admit('u.k', 5_000).ok)
    const second = admit('u.k', 100)
    assert.ok(!second.ok && second.limit === 'tokens')
    assert.equal(second.waitMs, 1_000)
    assert.ok(admit('v.k', 100).ok, 'another user has their own bucket')
  })

  it('counts requests by the minute, whatever tokens they cost', () => {
    const table = new LimitTable()
    const tier = { capacity: 1_000_000, refillRate: 0, requestsPerMinute: 60 }
    table.setPolicy({ tiers: { free: tier }, identities: {} }, T0)
    for (let i = 0; i < 60; i++) assert.ok(admitAt(table)('u.k', 0).ok)
    const refused = admitAt(table)('u.k', 0)
    assert.ok(!refused.ok && refused.limit === 'requests')
    assert.equal(refused.waitMs, 1_000)
    assert.equal(refused.account.tokens.level(T0), 1_000_000)
    assert.ok(admitAt(table, 1_000)('u.k', 0).ok)
    assert.ok(!admitAt(table, 1_000)('u.k', 0).ok)
    assert.ok(admitAt(table, 61_000)('u.k', 0).ok, 'full again')
  })

  it('counts streams that run, and gives a place back at the end of one', () => {
    const table = new LimitTable()
    const tier = { capacity: 1_000, refillRate: 0, concurrentStreams: 2 }
    table.setPolicy({ tiers: { free: tier }, identities: {} }, T0)
    const admit = admitAt(table)
    assert.ok(admit('u.k', 1, undefined, true).ok && admit('u.k', 1, undefined, true).ok)
    const third = admit('u.k', 1, undefined, true)
    assert.ok(!third.ok && third.limit === 'streams' && third.waitMs > 0)
    assert.equal(third.account.tokens.level(T0), 998, 'it took nothing')
    assert.ok(admit('u.k', 1).ok, 'a call that is no stream passes')
    table.settle('u.k', 'free', 0, true, T0)
    assert.ok(admit('u.k', 1, undefined, true).ok)
    assert.ok(!admit('u.k', 1, undefined, true).ok)
  })

  it('lets the stricter of tier and throttle win, until the throttle ends', () => {
    const table = new LimitTable()
    const limit = throttle(60_000)
    assert.ok(admitAt(table)('u.k', 80, limit).ok)
    const second = admitAt(table)('u.k', 80, limit)
    assert.ok(!second.ok && second.limit === 'throttle')
    assert.equal(second.waitMs, 6_000)
    const ending = throttle(1_000)
    assert.ok(admitAt(table, 900)('u.late', 100, ending).ok)
    const nearEnd = admitAt(table, 900)('u.late', 100, ending)
    assert.ok(!nearEnd.ok && nearEnd.waitMs === 100, 'no longer than the throttle')
    assert.ok(table.admit('u.k', 'free', 80, false, limit, T0, 60_000).ok, 'over')
    assert.ok(admitAt(table)('u.k', 80).ok, 'pardoned')
  })

  it('begins a throttle with the tokens consumed before it', () => {
    const table = new LimitTable()
    const admit = admitAt(table)
    admit('u.k', 60)
    const later = admit('u.k', 41, throttle(60_000))
    assert.ok(!later.ok && later.limit === 'throttle')
    assert.ok(admit('u.k', 40, throttle(60_000)).ok)
    table.settle('u.flood', 'free', 4_000, false, T0)
    const flood = admit('u.flood', 10, throttle(60_000))
    assert.ok(!flood.ok && flood.waitMs === 1_000, 'the burnt beyond the capacity is not a debt')
  })

  it('takes from both buckets or from neither', () => {
    const table = new LimitTable()
    table.setPolicy({ tiers: { free: { capacity: 20, refillRate: 0 } }, identities: {} }, T0)
    const admit = admitAt(table)
    const limit = throttle(60_000)
    assert.ok(admit('u.k', 15, limit).ok)
    const refused = admit('u.k', 10, limit)
    assert.ok(!refused.ok && refused.limit === 'tokens')
    const passed = admit('u.k', 5, limit)
    assert.ok(passed.ok)
    assert.equal(passed.account.penalty?.bucket.level(T0), 80, 'the refused call took nothing from it')
  })

  it('applies overrides of tiers and of identities', () => {
    const table = new LimitTable()
    table.setPolicy({ tiers: { free: { capacity: 10, refillRate: 1 } }, identities: { 'vip.k': 'pro' } }, T0)
    assert.ok(admitAt(table)('u.k', 10).ok)
    assert.ok(!admitAt(table)('u.k', 1).ok)
    assert.equal(table.tierOf('vip.k', 'free').capacity, 50_000)
    table.setPolicy(undefined, T0)
    assert.ok(admitAt(table)('u.k', 4_990).ok, 'back at the default, less what was spent')
    assert.ok(!admitAt(table)('u.k', 1).ok)
  })

  it('changes the limits of idle identities at the moment of the change', () => {
    const table = new LimitTable()
    admitAt(table)('u.k', 5_000)
    table.setPolicy({ tiers: { free: { capacity: 5_000, refillRate: 1 } }, identities: {} }, 10_000)
    assert.equal({ ...table.tokensLeft(20_000) }['u.k'], 1_010, '10 s at 100/s, then 10 s at 1/s')
  })

  it('forgets who is as a newcomer, a minute later, and never holds more than it may', () => {
    const table = new LimitTable(3)
    admitAt(table)('u.spent', 3_000)
    admitAt(table)('u.streams', 1, undefined, true)
    for (const account of table.takeDirty()) account.isDirty = false
    table.forget(30_000, 30_000)
    assert.equal(table.size, 3, 'not yet: two identities and their user')
    table.forget(90_000, 90_000)
    assert.deepEqual(
      Array.from(table.accounts(), each => each.identity),
      ['u', 'u.streams'],
    )
    for (let i = 0; i < 10; i++) admitAt(table)(`u.${i}`, 1)
    assert.equal(table.size, 3)
  })
})
