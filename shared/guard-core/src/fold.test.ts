import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Decision } from './decide.ts'
import { Fold } from './fold.ts'
import { memoryMs } from './rules.ts'
import { emptyState } from './state.ts'
import { ada, bob, decisionsOver, Log, POLICY, T0 } from './test-facts.ts'

describe('a throttled identity', () => {
  it('gets no second incident until its time is over, and then another one', () => {
    const log = new Log()
    for (let s = 0; s <= 120; s++) log.settled(s * 1_000, 600)
    const decisions = decisionsOver(log.facts)
    assert.deepEqual(
      decisions.map(d => (d.throttle.imposedAt - T0) / 1_000),
      [0, 60, 120],
    )
    assert.equal(new Set(decisions.map(d => d.incident)).size, 3)
  })

  it('gets one for two events of the same millisecond', () => {
    const log = new Log()
    log.settled(0, 600)
    log.settled(0, 600)
    assert.equal(decisionsOver(log.facts).length, 1)
  })
})

describe('a pardon', () => {
  it('clears the window and gives grace, then the rule looks again', () => {
    const log = new Log()
    log.settled(0, 600)
    log.pardoned(1_000)
    log.settled(1_500, 600)
    log.settled(301_000 - 1, 400)
    log.settled(301_000, 200)
    const decisions = decisionsOver(log.facts)
    assert.deepEqual(
      decisions.map(d => d.throttle.imposedAt - T0),
      [0, 301_000],
    )
    assert.equal(decisions[1]!.numbers.burntTokens, 600, 'what came in the time of grace is remembered')
  })

  it('by a service clears the window without grace', () => {
    const log = new Log()
    log.settled(0, 600)
    log.pardoned(1_000, ada, 'system')
    log.settled(1_500, 500)
    log.settled(1_600, 1)
    assert.deepEqual(
      decisionsOver(log.facts).map(d => d.throttle.imposedAt - T0),
      [0, 1_600],
    )
  })

  it('concerns its identity alone', () => {
    const log = new Log()
    log.settled(0, 400)
    log.settled(0, 400, bob)
    log.pardoned(1, bob)
    log.settled(2, 400)
    log.settled(2, 400, bob)
    assert.deepEqual(
      decisionsOver(log.facts).map(d => d.identity),
      [ada],
    )
  })

  it('counts from its own time, however early its stream was read', () => {
    const log = new Log()
    const pardon = log.pardoned(1_000)
    log.settled(0, 600)
    log.settled(1_500, 600)
    assert.deepEqual(
      decisionsOver(log.facts).map(d => d.throttle.imposedAt - T0),
      [0],
    )
    assert.equal(log.facts[0], pardon)
  })
})

describe('determinism', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`decides the same over the same events, and after a restart at any place (seed ${seed})`, () => {
      const log = randomLog(seed)
      const whole = decisionsOver(log.facts)
      assert.ok(whole.length > 5, `${whole.length} decisions`)
      assert.deepEqual(decisionsOver(log.facts), whole)
      for (let cut = 0; cut < log.facts.length; cut += 37) {
        const last = log.facts[cut]!
        const expected = whole.filter(d => d.sequence > last.sequence)
        const told = whole.filter(d => d.sequence <= last.sequence)
        const { decisions } = restarted(log, told, last.sequence)
        assert.deepEqual(ids(decisions), ids(expected), `cut at ${cut}`)
      }
    })
  }

  it('decides an incident again, and only that, when its telling was cut short', () => {
    const log = randomLog(42)
    const whole = decisionsOver(log.facts)
    const lost = whole[7]!
    // The position was stored before the crossing event; the throttle is in force, `opened` was not written.
    const { decisions } = restarted(log, whole.slice(0, 7), lost.sequence - 1)
    assert.deepEqual(ids(decisions), ids(whole.slice(7)))
    // The same with `opened` written: the decision comes again under its own id, to be found done.
    const again = restarted(log, whole.slice(0, 8), lost.sequence - 1)
    assert.deepEqual(ids(again.decisions), ids(whole.slice(7)))
  })
})

describe('memory', () => {
  it('is given back when identities fall silent', () => {
    const log = new Log()
    const fold = new Fold()
    for (let i = 0; i < 20_000; i++) log.settled(i, 10, { user: `user${i}`, key: 'k' })
    decisionsOver(log.facts, POLICY, fold)
    const { size } = fold.state.memories.get('contextFlood')!
    assert.ok(size < 4_500, `${size} identities remembered of the 2000 that count`)
  })

  it('has a hard limit', () => {
    const log = new Log()
    const fold = new Fold(emptyState(undefined, 100))
    for (let i = 0; i < 1_000; i++) log.settled(0, 10, { user: `user${i}`, key: 'k' })
    decisionsOver(log.facts, POLICY, fold)
    assert.equal(fold.state.memories.get('contextFlood')!.size, 100)
  })

  it('forgets standings that are over', () => {
    const log = new Log()
    const fold = new Fold()
    for (let i = 0; i < 500; i++) log.settled(i, 600, { user: `user${i}`, key: 'k' })
    for (let i = 0; i < 1_000; i++) log.settled(100_000 + i * 1_000, 10)
    assert.equal(decisionsOver(log.facts, POLICY, fold).length, 500)
    assert.equal(fold.state.standings.size, 0)
  })
})

/** What a new leader decides: it knows what was opened, replays its window, and goes on after `position`. */
function restarted(log: Log, told: readonly Decision[], position: number) {
  const fold = new Fold()
  const tokens = log.facts.filter(fact => fact.stream === 'TOKENS')
  const fromMs = (tokens.find(fact => fact.sequence === position)?.storedAtMs ?? T0) - memoryMs(POLICY)
  const side = new Log()
  for (const decision of told) fold.remember(side.opened(decision), POLICY)
  for (const fact of log.facts) if (fact.stream === 'THROTTLES') fold.hold(fact, POLICY)
  for (const fact of tokens) {
    if (fact.storedAtMs >= fromMs && fact.sequence <= position) fold.remember(fact, POLICY)
  }
  return {
    decisions: tokens.filter(fact => fact.sequence > position).flatMap(fact => fold.fold(fact, POLICY)),
  }
}

/** Six identities with quiet and wild times, some pardons, and times that collide. */
function randomLog(seed: number): Log {
  const log = new Log()
  let state = seed
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  let atMs = 0
  for (let i = 0; i < 3_000; i++) {
    atMs += random(5) === 0 ? random(900) : random(20)
    const identity = { user: `user${random(6)}`, key: 'k' }
    if (random(400) === 0) log.pardoned(atMs, identity, random(2) === 0 ? 'admin' : 'system')
    else if (random(10) === 0) log.progressed(atMs, random(200), identity)
    else log.settled(atMs, random(40) === 0 ? random(2_000) : random(60), identity)
  }
  return log
}

function ids(decisions: readonly Decision[]): string[] {
  return decisions.map(d => `${d.sequence} ${d.incident} ${d.numbers.burntTokens}`)
}
