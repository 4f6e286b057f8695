import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ALLOWANCE, ada, bob, decisionsOver, Log, POLICY, REFILL, T0 } from '../test-events.ts'

describe('context flood: true positives', () => {
  it('finds one burst above the allowance', () => {
    const log = new Log()
    const crossing = log.settled(0, ALLOWANCE + 1)
    const [decision, ...more] = decisionsOver(log.entries)
    assert.deepEqual(more, [])
    assert.ok(decision)
    assert.match(decision.incident, /^inc_[0-9a-f]{24}$/)
    assert.deepEqual(decision.identity, ada)
    assert.equal(decision.rule, 'contextFlood')
    assert.equal(decision.severity, 'low')
    assert.deepEqual(decision.numbers, {
      burntTokens: 501,
      allowanceTokens: 500,
      thresholdTokens: 300,
      refillRate: 100,
      windowMs: 2_000,
      events: 1,
      timesAllowance: 1,
    })
    assert.equal(
      decision.explanation,
      'Consumed 501 tokens within 2 s in one event. The tier gives back 100 tokens a second, 200 in that time, ' +
        'and the policy allows 300 more: 500. That is 1 times the allowance.',
    )
    assert.deepEqual(decision.evidence, [{ stream: 'TOKENS', sequence: crossing.sequence }])
    assert.deepEqual(decision.throttle, {
      capacity: 100,
      refillRate: 10,
      imposedAt: T0,
      until: T0 + 60_000,
      reason: decision.explanation,
      rule: 'contextFlood',
      actor: 'guard',
      incident: decision.incident,
    })
  })

  it('finds many small requests that add up, at the one that crosses', () => {
    const log = new Log()
    for (let i = 0; i < 100; i++) log.settled(i * 10, 20)
    const decisions = decisionsOver(log.entries)
    assert.deepEqual(
      decisions.map(d => d.sequence),
      [26],
      '25 × 20 = 500 is allowed',
    )
    assert.equal(decisions[0]!.evidence.length, 26)
  })

  it('finds a runaway stream before it ends, and counts nothing twice', () => {
    const log = new Log()
    for (let s = 1; s <= 4; s++) log.progressed(s * 1_000, 240)
    assert.equal(decisionsOver(log.entries).length, 0, 'each two seconds hold 480')
    log.progressed(4_500, 30)
    assert.equal(decisionsOver(log.entries).length, 1)

    const settled = new Log()
    settled.progressed(0, 400)
    settled.settled(100, 480, ada, { progressed: 400 })
    assert.deepEqual(decisionsOver(settled.entries), [])
  })

  it('counts each identity on its own', () => {
    const log = new Log()
    log.settled(0, 300)
    log.settled(1, 300, bob)
    log.settled(2, 300, { user: 'ada', key: 'k2' })
    assert.deepEqual(decisionsOver(log.entries), [])
    log.settled(3, 300)
    assert.deepEqual(
      decisionsOver(log.entries).map(d => d.identity),
      [ada],
    )
  })

  it('takes severity from how far it is over, and the largest events as evidence', () => {
    const severity = (total: number) => {
      const log = new Log()
      log.settled(0, total)
      return decisionsOver(log.entries)[0]!.severity
    }
    assert.deepEqual([600, 1_500, 5_000, 50_000].map(severity), ['low', 'medium', 'high', 'critical'])

    const log = new Log()
    for (let i = 0; i < 490; i++) log.settled(i * 4, i % 7 === 0 ? 2 : 0)
    log.settled(1_960, 10_000)
    const { evidence } = decisionsOver(log.entries)[0]!
    assert.equal(evidence.length, 50)
    assert.deepEqual(evidence.at(-1), { stream: 'TOKENS', sequence: 491 })
  })
})

describe('context flood: false positives', () => {
  it('leaves steady traffic at the refill rate alone, for an hour', () => {
    const log = new Log()
    for (let i = 0; i < 36_000; i++) log.settled(i * 100, REFILL / 10)
    assert.deepEqual(decisionsOver(log.entries), [])
  })

  it('leaves steady traffic of a very large tier alone', () => {
    const log = new Log()
    for (let i = 0; i < 6_000; i++) log.settled(i * 10, 10_000, ada, { refillRate: 1_000_000 })
    assert.deepEqual(decisionsOver(log.entries), [])
  })

  it('leaves one burst of exactly the allowance alone, in one event or in many', () => {
    const one = new Log()
    one.settled(0, ALLOWANCE)
    assert.deepEqual(decisionsOver(one.entries), [])
    const many = new Log()
    for (let i = 0; i < 50; i++) many.settled(i, ALLOWANCE / 50)
    assert.deepEqual(decisionsOver(many.entries), [])
  })

  it('leaves such bursts alone when a window lies between them', () => {
    const log = new Log()
    for (let i = 0; i < 100; i++) log.settled(i * 2_000, ALLOWANCE)
    assert.deepEqual(decisionsOver(log.entries), [])
  })

  it('takes no notice of requests that cost nothing, or of a disabled rule', () => {
    const free = new Log()
    for (let i = 0; i < 1_000; i++) free.settled(i, 0)
    assert.deepEqual(decisionsOver(free.entries), [])
    const log = new Log()
    log.settled(0, 50_000)
    const contextFlood = { ...POLICY.rules.contextFlood, enabled: false }
    const rules = { ...POLICY.rules, contextFlood }
    assert.deepEqual(decisionsOver(log.entries, { ...POLICY, rules }), [])
  })
})
