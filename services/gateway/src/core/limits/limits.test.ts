import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Throttle } from '@fluxgate/contracts'
import { estimate } from './estimate.ts'
import { LimitTable } from './limit-table.ts'
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

describe('a token bucket', () => {
  it('refills with time up to its capacity', () => {
    const bucket = new TokenBucket({ capacity: 100, refillRate: 10 }, 0)
    assert.ok(bucket.take(100, 0))
    assert.ok(!bucket.take(1, 0))
    assert.equal(bucket.waitMs(1, 0), 100)
    assert.equal(bucket.level(1_000), 10)
    assert.ok(bucket.take(10, 1_000))
    assert.equal(bucket.level(1_000_000), 100)
  })

  it('lets a first call through that asks for more than it can ever hold, and then waits for the debt', () => {
    const bucket = new TokenBucket({ capacity: 100, refillRate: 10 }, 0)
    assert.ok(bucket.take(1_000, 0))
    assert.equal(bucket.level(0), -900)
    assert.equal(bucket.waitMs(1, 0), 90_100)
  })

  it('of no capacity is a block', () => {
    const bucket = new TokenBucket({ capacity: 0, refillRate: 5 }, 0)
    assert.ok(!bucket.take(0, 0))
    assert.equal(bucket.waitMs(1, 0), Number.POSITIVE_INFINITY)
  })

  it('never goes back in time and never refills without a rate', () => {
    const bucket = new TokenBucket({ capacity: 10, refillRate: 0 }, 1_000)
    assert.ok(bucket.take(10, 1_000))
    assert.equal(bucket.level(0), 0)
    assert.equal(bucket.waitMs(1, 2_000), Number.POSITIVE_INFINITY)
  })

  it('keeps what was spent when its tier changes', () => {
    const bucket = new TokenBucket({ capacity: 100, refillRate: 10 }, 0)
    bucket.take(60, 0)
    bucket.resize({ capacity: 1_000, refillRate: 100 }, 0)
    assert.equal(bucket.level(0), 940)
  })
})

describe('the limit table', () => {
  it('admits by tier and tells how long to wait', () => {
    const table = new LimitTable()
    assert.ok(table.admit('u.k', 'free', 5_000, undefined, 0, 0).ok)
    const second = table.admit('u.k', 'free', 100, undefined, 0, 0)
    assert.ok(!second.ok && second.by === 'tier')
    assert.equal(second.waitMs, 1_000)
    assert.ok(table.admit('u.other', 'free', 100, undefined, 0, 0).ok, 'another key has its own bucket')
  })

  it('lets the stricter of tier and throttle win, until the throttle ends', () => {
    const table = new LimitTable()
    const limit = throttle(60_000)
    assert.ok(table.admit('u.k', 'free', 80, limit, 0, 0).ok)
    const second = table.admit('u.k', 'free', 80, limit, 0, 0)
    assert.ok(!second.ok && second.by === 'throttle')
    assert.equal(second.waitMs, 6_000)
    const ending = throttle(1_000)
    assert.ok(table.admit('u.late', 'free', 100, ending, 0, 900).ok)
    const nearEnd = table.admit('u.late', 'free', 100, ending, 0, 900)
    assert.ok(!nearEnd.ok && nearEnd.waitMs === 100, 'no longer than the throttle')
    assert.ok(table.admit('u.k', 'free', 80, limit, 0, 60_000).ok, 'over')
    assert.ok(table.admit('u.k', 'free', 80, undefined, 0, 0).ok, 'pardoned')
  })

  it('begins a throttle with what was burnt before it', () => {
    const table = new LimitTable()
    table.admit('u.k', 'free', 60, undefined, 0, 0)
    const later = table.admit('u.k', 'free', 41, throttle(60_000), 0, 0)
    assert.ok(!later.ok && later.by === 'throttle')
    assert.ok(table.admit('u.k', 'free', 40, throttle(60_000), 0, 0).ok)
    table.debit('u.flood', 'free', 4_000, 0)
    const flood = table.admit('u.flood', 'free', 10, throttle(60_000), 0, 0)
    assert.ok(!flood.ok && flood.waitMs === 1_000, 'the burnt beyond the capacity is not a debt')
  })

  it('takes from both buckets or from neither', () => {
    const table = new LimitTable()
    table.setPolicy({ tiers: { free: { capacity: 20, refillRate: 0 } }, identities: {} })
    const limit = throttle(60_000)
    assert.ok(table.admit('u.k', 'free', 15, limit, 0, 0).ok)
    const refused = table.admit('u.k', 'free', 10, limit, 0, 0)
    assert.ok(!refused.ok && refused.by === 'tier')
    const passed = table.admit('u.k', 'free', 5, limit, 0, 0)
    assert.ok(passed.ok)
    assert.equal(passed.bucket.level(0), 80, 'the refused call took nothing from the penalty bucket')
  })

  it('applies overrides of tiers and of identities', () => {
    const table = new LimitTable()
    table.setPolicy({ tiers: { free: { capacity: 10, refillRate: 1 } }, identities: { 'vip.k': 'pro' } })
    assert.ok(table.admit('u.k', 'free', 10, undefined, 0, 0).ok)
    assert.ok(!table.admit('u.k', 'free', 1, undefined, 0, 0).ok)
    assert.equal(table.tierOf('vip.k', 'free').capacity, 50_000)
    table.setPolicy(undefined)
    assert.ok(
      table.admit('u.k', 'free', 4_000, undefined, 0, 0).ok,
      'back at the default, less what was spent',
    )
  })

  it('takes debits of other nodes, and tells a joining one what is missing', () => {
    const table = new LimitTable()
    table.debit('u.k', 'free', 3_000, 0)
    table.debit('nobody.k', undefined, -5, 0)
    assert.deepEqual([...table.deficits(0)], [['u.k', 'free', 3_000]])
    assert.deepEqual({ ...table.tokensLeft(0) }, { 'u.k': 2_000 })
    table.forgetFull(30_000)
    assert.equal(table.size, 0)
  })
})

it('the estimate is 50 and a quarter of the characters, and room for the answer', () => {
  const limits = { defaultCompletionTokens: 256, maxCompletionTokens: 1_000 }
  const facts = { model: 'm', stream: false, promptChars: 400, maxTokens: undefined }
  assert.deepEqual(estimate(facts, limits), { prompt: 150, reserved: 406 })
  assert.deepEqual(estimate({ ...facts, maxTokens: 10 }, limits), { prompt: 150, reserved: 160 })
  assert.deepEqual(estimate({ ...facts, maxTokens: 1e12 }, limits), { prompt: 150, reserved: 1_150 })
})
