import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chooseOne } from './choose.ts'
import { Circuit } from './circuit.ts'
import { fallbacksOf, matches, modelNames } from './model-names.ts'
import { backoffMs, isRetryableAnswer, retryAfterMsOf } from './retry.ts'
import { RetryBudget } from './retry-budget.ts'
import { DEFAULT_POLICY } from './routing-policy.ts'

const { circuit: policy, retry } = DEFAULT_POLICY
/** Random numbers that can be had again: a small linear generator. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('a choice', () => {
  it('never takes the busier one for its weight of two, whatever the chances', () => {
    const load = fc.record({
      inFlight: fc.nat(1_000),
      weight: fc.double({ min: 0.001, max: 1_000, noNaN: true }),
    })
    fc.assert(
      fc.property(load, load, fc.integer(), (one, other, seed) => {
        const chosen = chooseOne([one, other], seeded(seed))!
        const rest = chosen === one ? other : one
        assert.ok(chosen.inFlight / chosen.weight <= rest.inFlight / rest.weight)
      }),
    )
  })

  it('gives idle upstreams calls by their weight', () => {
    const random = seeded(7)
    const upstreams = [1, 3, 6].map(weight => ({ inFlight: 0, weight, calls: 0 }))
    for (let i = 0; i < 10_000; i++) chooseOne(upstreams, random)!.calls++
    for (const { weight, calls } of upstreams)
      assert.ok(Math.abs(calls - weight * 1_000) < 200, `${weight}: ${calls}`)
  })

  it('levels out what is in flight', () => {
    const random = seeded(3)
    const upstreams = [1, 1, 2].map(weight => ({ inFlight: 0, weight }))
    for (let i = 0; i < 4_000; i++) chooseOne(upstreams, random)!.inFlight++
    for (const { weight, inFlight } of upstreams)
      assert.ok(Math.abs(inFlight - weight * 1_000) < 60, `${inFlight}`)
    assert.equal(chooseOne([], random), undefined)
  })
})

describe('a circuit', () => {
  it('opens after failures in a row, lets one probe through, and closes when it succeeds', () => {
    const circuit = new Circuit(policy)
    for (let i = 0; i < policy.failures; i++) {
      assert.ok(circuit.allows(0))
      circuit.failed('away', circuit.started(), 0, () => 0)
    }
    assert.equal(circuit.state(0), 'open')
    assert.equal(circuit.allows(999), false)
    assert.equal(circuit.state(1_000), 'half_open')
    assert.ok(circuit.allows(1_000))
    assert.equal(circuit.started(), true)
    assert.equal(circuit.allows(1_000), false, 'one probe at a time')
    circuit.succeeded(true, 1_100)
    assert.equal(circuit.state(1_100), 'closed')
    circuit.failed('away', false, 1_100, () => 0)
    assert.equal(circuit.state(1_100), 'closed', 'it counts from the beginning')
  })

  it('stays open for longer with each failed probe, up to a limit, a fifth of it random', () => {
    const circuit = new Circuit(policy)
    for (let i = 0; i < policy.failures; i++) circuit.failed('away', false, 0, () => 0)
    let now = 0
    const lengths: number[] = []
    for (let i = 0; i < 7; i++) {
      lengths.push(circuit.opensInMs(now))
      now += circuit.opensInMs(now)
      assert.equal(circuit.started(), true)
      circuit.failed('away', true, now, () => 0)
    }
    assert.deepEqual(lengths, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    const other = new Circuit(policy)
    for (let i = 0; i < policy.failures; i++) other.failed('away', false, 0, () => 0.5)
    assert.equal(other.opensInMs(0), 900)
  })

  it('frees the probe of a client that left', () => {
    const circuit = new Circuit({ ...policy, failures: 1 })
    circuit.failed('away', false, 0, () => 0)
    const probe = circuit.started()
    circuit.abandoned(probe)
    assert.ok(circuit.allows(1_000))
    assert.equal(circuit.state(1_000), 'half_open')
  })

  it('is not opened by the answers that one caller can provoke, but by their share', () => {
    const circuit = new Circuit(policy)
    for (let i = 0; i < policy.minRequests - 1; i++) circuit.failed('error', false, 0, () => 0)
    assert.equal(circuit.state(0), 'closed')
    circuit.failed('error', false, 0, () => 0)
    assert.equal(circuit.state(0), 'open')
    const busy = new Circuit(policy)
    for (let i = 0; i < 1_000; i++) {
      busy.succeeded(false, i)
      if (i % 2 === 0) busy.failed('away', false, i, () => 0)
    }
    assert.equal(busy.state(1_000), 'closed', 'a third fails')
    const old = new Circuit(policy)
    for (let i = 0; i < 19; i++) old.failed('error', false, 0, () => 0)
    for (let i = 0; i < 19; i++) old.failed('error', false, 2 * policy.windowMs, () => 0)
    assert.equal(old.state(2 * policy.windowMs), 'closed', 'the window forgets')
  })

  it('never lets two probes through at once, and never stays open beyond its limit', () => {
    const step = fc.constantFrom('start', 'ok', 'fail', 'leave', 'wait')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        const random = seeded(seed)
        const circuit = new Circuit({ ...policy, failures: 2 })
        let now = 0
        const flying: boolean[] = []
        for (const what of steps) {
          if (what === 'wait') now += random() * 5_000
          else if (what === 'start') {
            if (circuit.allows(now)) flying.push(circuit.started())
          } else if (flying.length > 0) {
            const probe = flying.shift()!
            if (what === 'ok') circuit.succeeded(probe, now)
            else if (what === 'fail') circuit.failed('away', probe, now, random)
            else circuit.abandoned(probe)
          }
          assert.ok(flying.filter(Boolean).length <= 1)
          assert.ok(circuit.opensInMs(now) <= policy.maxOpenMs)
        }
        for (const probe of flying) circuit.abandoned(probe)
        assert.ok(circuit.allows(now + policy.maxOpenMs), 'it always comes back')
      }),
    )
  })
})

describe('retries', () => {
  it('are at most a share of the calls, a few, and some a second', () => {
    const event = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 500 }))
    fc.assert(
      fc.property(fc.array(event, { maxLength: 1_000 }), events => {
        const budget = new RetryBudget(retry, 0)
        let now = 0
        let calls = 0
        let retries = 0
        for (const [isCall, waitMs] of events) {
          now += waitMs
          if (isCall) {
            calls++
            budget.called()
          } else if (budget.take(now)) retries++
          assert.ok(retries <= 10 + calls * retry.budgetRatio + (now / 1_000) * retry.budgetPerSecond + 1e-6)
        }
      }),
    )
  })

  it('in an outage add a fifth, in quiet times all', () => {
    const budget = new RetryBudget({ budgetRatio: 0.2, budgetPerSecond: 0 }, 0)
    let retries = 0
    for (let i = 0; i < 10_000; i++) {
      budget.called()
      for (let n = 0; n < 2; n++) if (budget.take(0)) retries++
    }
    assert.ok(retries >= 1_990 && retries <= 2_010, `${retries}`)
    assert.equal(new RetryBudget({ budgetRatio: 0, budgetPerSecond: 0 }, 0).take(0), true)
  })

  it('wait a random part of a doubling time', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.integer(), (n, seed) => {
        const ms = backoffMs(n, retry, seeded(seed))
        assert.ok(ms >= 0 && ms <= Math.min(retry.maxDelayMs, retry.baseDelayMs * 2 ** n))
      }),
    )
    assert.equal(
      backoffMs(3, retry, () => 0.5),
      200,
    )
  })

  it('are for answers that say later, or not me', () => {
    for (const status of [429, 500, 502, 503, 504, 529]) assert.ok(isRetryableAnswer(status, {}, true))
    for (const status of [200, 400, 401, 404, 408, 501]) assert.ok(!isRetryableAnswer(status, {}, true))
    assert.equal(isRetryableAnswer(503, {}, false), false)
    assert.equal(isRetryableAnswer(429, {}, false), true)
    assert.equal(isRetryableAnswer(429, { 'x-should-retry': 'false' }, true), false)
  })

  it('read how long to wait in each form', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    assert.equal(retryAfterMsOf({ 'retry-after-ms': '250', 'retry-after': '9' }, now), 250)
    assert.equal(retryAfterMsOf({ 'retry-after': '2' }, now), 2_000)
    assert.equal(retryAfterMsOf({ 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, now), 5_000)
    for (const bad of ['', 'soon', '-1', 'Thu, 01 Jan 1970 00:00:00 GMT'])
      assert.equal(retryAfterMsOf({ 'retry-after': bad }, now), 0, bad)
  })
})

describe('model names', () => {
  it('match as the pattern says, like a regular expression would', () => {
    const text = fc.stringMatching(/^[ab*]{0,8}$/)
    fc.assert(
      fc.property(text, fc.stringMatching(/^[ab]{0,10}$/), (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name)
        assert.equal(matches(pattern, name), expected, `${pattern} ${name}`)
      }),
      { numRuns: 2_000 },
    )
  })

  it('are exact, renamed, matched, or any', () => {
    const names = modelNames({
      models: ['gpt-5', 'llama*'],
      aliases: { fast: 'gpt-5-mini', 'llama-x': 'big' },
    })
    const own = ['gpt-5', 'fast', 'llama3', 'llama-x', 'gpt-5-mini', ''].map(name => names.ownName(name))
    assert.deepEqual(own, ['gpt-5', 'gpt-5-mini', 'llama3', 'big', undefined, ''])
    assert.deepEqual(names.known, ['gpt-5', 'fast', 'llama-x'])
    assert.equal(names.open, true)
    assert.equal(modelNames({ models: undefined, aliases: {} }).ownName('x'), 'x')
    assert.equal(modelNames({ models: undefined, aliases: { a: 'b' } }).ownName('x'), undefined)
    assert.equal(modelNames({ models: [], aliases: {} }).ownName('x'), undefined)
  })

  it('have fallbacks by name, else by the longest pattern', () => {
    const all = { 'a*': ['x'], 'ab*': ['y', 'abc'], abd: ['z'] }
    assert.deepEqual(fallbacksOf(all, 'abd'), ['z'])
    assert.deepEqual(fallbacksOf(all, 'abc'), ['y'])
    assert.deepEqual(fallbacksOf(all, 'ax'), ['x'])
    assert.deepEqual(fallbacksOf(all, 'constructor'), [])
  })
})
