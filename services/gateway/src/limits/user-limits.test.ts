import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ANONYMOUS, type LimitsPolicy, type Throttle } from '@fluxgate/contracts'
import { limitHeaders } from './limit-headers.ts'
import { type Admission, LimitTable } from './limit-table.ts'
import { overLimit } from './over-limit.ts'
import { userOf } from './users.ts'

const FREE = { capacity: 1_000, refillRate: 10, requestsPerMinute: 60, concurrentStreams: 2 }

function tableOf(free: LimitsPolicy['tiers'][string] = FREE, identities: LimitsPolicy['identities'] = {}) {
  const table = new LimitTable()
  table.setPolicy({ tiers: { free }, identities }, 0)
  return table
}

const admit = (table: LimitTable, identity: string, tokens: number, isStream = false, nowMs = 0): Admission =>
  table.admit(identity, 'free', tokens, isStream, undefined, nowMs, nowMs)

const limitOf = (admission: Admission): string => (admission.ok ? 'admitted' : admission.limit)

const left = (table: LimitTable, id: string, nowMs = 0): number =>
  table.knownOf(id, 'free', nowMs).tokens.level(nowMs)

describe('the limits of a user', () => {
  it('hold over 20 keys together', () => {
    const table = tableOf()
    let admitted = 0
    for (let i = 0; i < 200; i++) if (admit(table, `u.k${i % 20}`, 100).ok) admitted += 100
    assert.equal(admitted, 1_000)
    const refused = admit(table, 'u.k1', 100)
    assert.ok(!refused.ok)
    assert.deepEqual([refused.limit, refused.waitMs], ['user:tokens', 10_000])
    assert.ok(admit(table, 'u.k1', 100, false, 10_000).ok)
    assert.equal(limitOf(admit(table, 'v.k1', 100)), 'admitted', 'another user has their own')
  })

  it('count requests a minute and streams at once over all keys', () => {
    const table = tableOf()
    for (let i = 0; i < 58; i++) assert.ok(admit(table, `u.k${i % 20}`, 0).ok)
    assert.ok(admit(table, 'u.k1', 0, true).ok && admit(table, 'u.k2', 0, true).ok)
    const requests = admit(table, 'u.k3', 0)
    assert.ok(!requests.ok)
    assert.deepEqual([requests.limit, requests.waitMs], ['user:requests', 1_000])
    assert.equal(limitOf(admit(table, 'u.k3', 0, true, 1_000)), 'user:streams')
    table.settle('u.k2', 'free', 0, true, 1_000)
    assert.equal(limitOf(admit(table, 'u.k3', 0, true, 1_000)), 'admitted')
  })

  it('take nothing when a call is refused, whichever limit refuses it', () => {
    const table = tableOf()
    for (const key of ['k1', 'k2']) assert.ok(admit(table, `u.${key}`, 450).ok)
    assert.equal(limitOf(admit(table, 'u.k3', 200)), 'user:tokens')
    assert.deepEqual([left(table, 'u.k3'), left(table, 'u')], [1_000, 100])
    assert.equal(limitOf(admit(table, 'u.k1', 600)), 'tokens')
    assert.deepEqual([left(table, 'u.k1'), left(table, 'u')], [550, 100])
    assert.equal(table.knownOf('u', 'free', 0).requests?.level(0), 58)
  })

  it('are corrected by settlements of every key, and filled by a refill of one', () => {
    const table = tableOf()
    admit(table, 'u.k1', 400)
    admit(table, 'u.k2', 400)
    table.settle('u.k1', 'free', -300, false, 0)
    table.settle('u.k2', 'free', 900, false, 0)
    assert.deepEqual(
      ['u.k1', 'u.k2', 'u'].map(id => left(table, id)),
      [900, -300, -400],
    )
    assert.equal(table.refill('u.k2', 0), 1_300, 'what the key had spent')
    assert.deepEqual(
      ['u.k1', 'u.k2', 'u'].map(id => left(table, id)),
      [900, 1_000, 1_000],
    )
    assert.equal(table.knownOf('u', 'free', 0).requests?.level(0), 60)
  })

  it('are never what refuses a user with one key, whatever it does and however its limits change', () => {
    const table = tableOf({ capacity: 997, refillRate: 0.7, requestsPerMinute: 41, concurrentStreams: 2 })
    const refusals = new Set<string>()
    let running = 0
    let waitMs = 0
    let tokens = 0
    // By turns tokens, requests and streams are what there is too little of.
    for (let step = 0, nowMs = 0; step < 9_000; step++) {
      const phase = Math.floor(step / 500) % 3
      nowMs += waitMs || (step * 7_919) % (phase === 1 ? 601 : 3_001)
      if (waitMs === 0) tokens = phase === 0 ? ((step * 104_729) % 300) / 7 : 0
      waitMs = 0
      const isStream = phase === 2 || step % 3 === 0
      const tier = step % 5_000 < 100 ? 'pro' : 'free'
      const admission = table.admit('u.k', tier, tokens, isStream, undefined, nowMs, nowMs)
      if (!admission.ok) {
        refusals.add(admission.limit)
        // It comes again when there is just enough.
        if (step % 2 === 0) waitMs = admission.waitMs
      }
      const { account, user } = admission
      // Not at each step: to look at both levels at the same times would keep them from being rounded apart.
      if (step % 97 === 0) {
        const own = limitHeaders(account, undefined, 'anthropic', nowMs, nowMs)
        assert.deepEqual(limitHeaders(account, user, 'anthropic', nowMs, nowMs), own, `step ${step}`)
      }
      if (admission.ok && isStream) running++
      if (running > 0 && step % (phase === 2 ? 5 : 2) === 0) {
        running--
        table.settle('u.k', tier, ((step % 90) - 45) / 3, true, nowMs)
      }
      if (step % 1_000 === 0) table.forget(nowMs, nowMs)
    }
    assert.deepEqual([...refusals].toSorted(), ['requests', 'streams', 'tokens'])
  })

  it('give an identity all of its own limits when they are larger than the tier', () => {
    const table = tableOf(FREE, {
      'u.big': { capacity: 5_000, refillRate: 1 },
      'u.small': { capacity: 10, refillRate: 1 },
    })
    assert.ok(admit(table, 'u.big', 5_000).ok)
    assert.equal(limitOf(admit(table, 'u.k', 100)), 'user:tokens', 'the user has the largest, not the sum')
    assert.equal(
      limitOf(admit(table, 'v.k', 1_001)),
      'admitted',
      'more than the capacity is asked for as the capacity',
    )
    assert.equal(left(table, 'v'), -1)
    for (let i = 0; i < 100; i++) assert.ok(admit(table, 'u.big', 0, true, 100_000).ok, 'and no other limits')
  })

  it('follow the policy and the tier for users who are known already', () => {
    const table = tableOf()
    for (const key of ['k1', 'k2']) admit(table, `u.${key}`, 500)
    assert.equal(limitOf(admit(table, 'u.k3', 100)), 'user:tokens')
    const identities = { 'u.k3': { capacity: 1_200, refillRate: 10 } }
    table.setPolicy({ tiers: { free: FREE }, identities }, 0)
    assert.equal(left(table, 'u'), 200)
    table.setPolicy({ tiers: { free: FREE, gold: { ...FREE, capacity: 2_000 } }, identities: {} }, 0)
    assert.equal(left(table, 'u'), 0)
    assert.ok(table.admit('u.k3', 'gold', 1_000, false, undefined, 0, 0).ok)
    assert.equal(left(table, 'u'), 0)
  })

  it('leave a throttle to the identity that it is imposed on', () => {
    const table = tableOf()
    const terms = { capacity: 100, refillRate: 1, imposedAt: 0, until: 60_000 }
    const throttle: Throttle = { ...terms, reason: 'flood', rule: 'context_flood', actor: 'guard' }
    const refused = table.admit('u.k1', 'free', 101, false, throttle, 0, 0)
    assert.ok(refused.ok, 'a first call passes')
    assert.equal(limitOf(table.admit('u.k1', 'free', 1, false, throttle, 0, 0)), 'throttle')
    assert.equal(limitOf(admit(table, 'u.k2', 800)), 'admitted')
  })

  it('are not those of strangers, and not listed as an identity', () => {
    const table = tableOf()
    for (let i = 0; i < 20; i++) assert.ok(admit(table, `${ANONYMOUS}.a${i}`, 1_000).ok)
    assert.equal(table.size, 20)
    assert.equal(userOf(`${ANONYMOUS}.a1`), undefined)
    assert.equal(userOf('u'), undefined)
    assert.equal(admit(table, 'u.k', 400).user?.identity, 'u')
    assert.deepEqual(
      Object.keys(table.tokensLeft(0)).filter(id => !id.startsWith(ANONYMOUS)),
      ['u.k'],
    )
  })

  it('are named by the refusal', () => {
    const table = tableOf()
    for (const key of ['k1', 'k2']) admit(table, `u.${key}`, 500)
    const refused = admit(table, 'u.k3', 100)
    assert.ok(!refused.ok)
    const { reason, code, limit, message, retryAfterMs } = overLimit(refused, 100, {})
    assert.deepEqual(
      [reason, code, limit, retryAfterMs],
      ['rate_limited', 'rate_limit_exceeded', 'user:tokens', 10_000],
    )
    assert.equal(
      message,
      'Rate limit reached for this account: this request reserves 100 tokens, and its keys share 1000. Please try again in 10.0 s.',
    )
  })

  it('are in the headers when all keys together have less left than the key', () => {
    const table = tableOf()
    for (const key of ['k1', 'k2', 'k3']) admit(table, `u.${key}`, 300)
    const { account, user } = admit(table, 'u.k4', 20)
    const headers = limitHeaders(account, user, 'openai', 0, 0)
    assert.equal(headers['x-ratelimit-limit-tokens'], '1000')
    assert.equal(headers['x-ratelimit-remaining-tokens'], '80')
    assert.equal(headers['x-ratelimit-remaining-requests'], '56')
  })
})
