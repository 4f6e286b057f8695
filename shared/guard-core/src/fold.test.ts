import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogEvent } from '@fluxgate/contracts'
import type { Decision } from './decide.ts'
import { Fold } from './fold.ts'
import { memoryMs, RULE_STREAMS, RULES } from './rules/index.ts'
import { ada, bob, decisionsOver, Log, POLICY, SEED, T0 } from './test-events.ts'
import { wholePolicy } from './whole-policy.ts'

/** Thresholds that a small log crosses. */
const { rules } = POLICY
const EVERY_RULE = wholePolicy({
  ...SEED,
  rules: {
    contextFlood: rules.contextFlood,
    tokenDrain: { ...rules.tokenDrain, windowMs: 20_000, warmUpWindows: 3, deviations: 3, minTokens: 100 },
    requestFlood: { ...rules.requestFlood, threshold: 20 },
    failedLoginsAccount: { ...rules.failedLoginsAccount, windowMs: 60_000 },
    failedLoginsAddress: { ...rules.failedLoginsAddress, windowMs: 60_000, threshold: 2 },
    keyGuessing: { ...rules.keyGuessing, threshold: 10 },
    keySharing: { ...rules.keySharing, windowMs: 60_000, threshold: 8 },
    concurrentStreams: { ...rules.concurrentStreams, windowMs: 60_000, threshold: 6 },
    errorProbing: { ...rules.errorProbing, thresholdErrors: 8, thresholdModels: 5, minShare: 0.3 },
    oversizedPrompts: { ...rules.oversizedPrompts, threshold: 3 },
    deadKeys: { ...rules.deadKeys, windowMs: 60_000 },
  },
  penalty: { capacity: 100, refillRate: 10, durationMs: 10_000 },
  repeat: { windowMs: 120_000, factor: 2, maxDurationMs: 40_000 },
  graceMs: 20_000,
})

describe('a throttled identity', () => {
  it('gets no second incident until its time is over, and then another one', () => {
    const log = new Log()
    for (let s = 0; s <= 120; s++) log.settled(s * 1_000, 600)
    const decisions = decisionsOver(log.entries)
    assert.deepEqual(
      decisions.map(d => (d.atMs - T0) / 1_000),
      [0, 60, 120],
    )
    assert.equal(new Set(decisions.map(d => d.incident)).size, 3)
  })

  it('gets one for two events of the same millisecond', () => {
    const log = new Log()
    log.settled(0, 600)
    log.settled(0, 600)
    assert.equal(decisionsOver(log.entries).length, 1)
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
    const decisions = decisionsOver(log.entries)
    assert.deepEqual(
      decisions.map(d => d.atMs - T0),
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
      decisionsOver(log.entries).map(d => d.atMs - T0),
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
      decisionsOver(log.entries).map(d => d.identity),
      [ada],
    )
  })

  it('counts from its own time, however early its stream was read', () => {
    const log = new Log()
    const pardon = log.pardoned(1_000)
    log.settled(0, 600)
    log.settled(1_500, 600)
    assert.deepEqual(
      decisionsOver(log.entries).map(d => d.atMs - T0),
      [0],
    )
    assert.equal(log.entries[0], pardon)
  })
})

describe('determinism', () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`decides the same over the same events, and after a restart at any position (seed ${seed})`, () => {
      const log = randomLog(seed)
      const whole = decisionsOver(log.entries)
      assert.ok(whole.length > 5, `${whole.length} decisions`)
      assert.deepEqual(decisionsOver(log.entries), whole)
      for (let cut = 0; cut < log.entries.length; cut += 37) {
        const last = log.entries[cut]!
        const expected = whole.filter(d => d.sequence > last.sequence)
        const decided = whole.filter(d => d.sequence <= last.sequence)
        const decisions = restarted(log, decided, entry => entry.sequence <= last.sequence)
        assert.deepEqual(ids(decisions), ids(expected), `cut at ${cut}`)
      }
    })
  }

  for (const seed of [1, 2, 3]) {
    it(`holds for every rule and all streams, with penalties that grow (seed ${seed})`, () => {
      const log = mixedLog(seed)
      const whole = decisionsOver(log.entries, EVERY_RULE)
      assert.deepEqual(
        new Set(whole.map(d => d.rule)),
        new Set(RULES.map(rule => rule.name)),
        'each rule has something to decide',
      )
      for (let cut = 0; cut < log.entries.length; cut += 311) {
        const done = new Set(log.entries.slice(0, cut))
        const before = new Set(decisionsOver(log.entries.slice(0, cut), EVERY_RULE).map(d => d.incident))
        const decided = whole.filter(d => before.has(d.incident))
        const expected = whole.filter(d => !before.has(d.incident))
        const decisions = restarted(log, decided, entry => done.has(entry), EVERY_RULE)
        assert.deepEqual(ids(decisions), ids(expected), `cut at ${cut}`)
      }
    })
  }

  it('decides an incident again, and only that, when its telling was cut short', () => {
    const log = randomLog(42)
    const whole = decisionsOver(log.entries)
    const lost = whole[7]!
    // The position was stored before the crossing event; the throttle is in force, `opened` was not written.
    const isDone = (entry: LogEvent) => entry.sequence < lost.sequence
    const decisions = restarted(log, whole.slice(0, 7), isDone)
    assert.deepEqual(ids(decisions), ids(whole.slice(7)))
    // The same with `opened` written: the decision comes again under its own id, to be found done.
    const again = restarted(log, whole.slice(0, 8), isDone)
    assert.deepEqual(ids(again), ids(whole.slice(7)))
  })
})

describe('memory', () => {
  it('is given back when identities fall silent', () => {
    const log = new Log()
    const fold = new Fold()
    for (let i = 0; i < 20_000; i++) log.settled(i * 60, 10, { user: `user${i}`, key: 'k' })
    decisionsOver(log.entries, POLICY, fold)
    const { keys } = fold.sizes().get('contextFlood')!
    // A late event may still be counted for five minutes beside the window.
    assert.ok(keys < 11_000, `${keys} identities remembered of the 5000 that count`)
  })

  it('has a hard limit', () => {
    const log = new Log()
    const fold = new Fold(RULES, 100)
    for (let i = 0; i < 1_000; i++) log.settled(0, 10, { user: `user${i}`, key: 'k' })
    decisionsOver(log.entries, POLICY, fold)
    for (const [rule, { keys }] of fold.sizes()) assert.ok(keys <= 100, rule)
    assert.equal(fold.sizes().get('contextFlood')!.keys, 100)
  })

  it('forgets statuses that are over', () => {
    const log = new Log()
    const fold = new Fold()
    for (let i = 0; i < 500; i++) log.settled(i, 600, { user: `user${i}`, key: 'k' })
    for (let i = 0; i < 1_000; i++) log.settled(100_000 + i * 1_000, 10)
    assert.equal(decisionsOver(log.entries, POLICY, fold).length, 500)
    assert.equal(fold.sizes().get('contextFlood')!.statuses, 0)
  })
})

/** What a new leader decides: it knows what was opened, replays its windows, and goes on after where it was. */
function restarted(
  log: Log,
  decided: readonly Decision[],
  isDone: (entry: LogEvent) => boolean,
  policy = POLICY,
) {
  const fold = new Fold()
  const side = new Log()
  for (const decision of decided) fold.remember(side.opened(decision), policy)
  for (const entry of log.entries) if (entry.stream === 'THROTTLES') fold.remember(entry, policy)
  for (const stream of RULE_STREAMS) {
    const entries = log.entries.filter(entry => entry.stream === stream)
    const position = entries.findLast(isDone)?.storedAtMs ?? T0
    const fromMs = position - memoryMs(policy, stream)
    for (const entry of entries) if (entry.storedAtMs >= fromMs && isDone(entry)) fold.remember(entry, policy)
  }
  const rest = log.entries.filter(entry => entry.stream !== 'THROTTLES' && !isDone(entry))
  return rest.flatMap(entry => fold.fold(entry, policy))
}

function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Six identities with quiet and wild times, some pardons, and times that collide. */
function randomLog(seed: number): Log {
  const log = new Log()
  const pick = random(seed)
  let atMs = 0
  for (let i = 0; i < 3_000; i++) {
    atMs += pick(5) === 0 ? pick(900) : pick(20)
    const identity = { user: `user${pick(6)}`, key: 'k' }
    if (pick(400) === 0) log.pardoned(atMs, identity, pick(2) === 0 ? 'admin' : 'system')
    else if (pick(10) === 0) log.progressed(atMs, pick(200), identity)
    else log.settled(atMs, pick(40) === 0 ? pick(2_000) : pick(60), identity)
  }
  return log
}

/** The same over all streams, with everything that a rule looks at. */
function mixedLog(seed: number): Log {
  const log = new Log()
  const pick = random(seed)
  const running: Array<{ request: string; user: string }> = []
  let atMs = 0
  for (let i = 0; i < 6_000; i++) {
    atMs += pick(300) === 0 ? pick(60_000) : pick(60)
    const identity = { user: `user${pick(4)}`, key: 'k' }
    const address = `10.0.0.${pick(40)}`
    const kind = pick(100)
    if (kind === 0) log.pardoned(atMs, identity, pick(2) === 0 ? 'admin' : 'system')
    else if (kind < 25) log.settled(atMs, pick(40) === 0 ? pick(90_000) : pick(60), identity)
    else if (kind < 50) {
      const stream = pick(3) > 0
      const promptEstimate = pick(8) === 0 ? 200_000 : 10
      const { data } = log.admitted(atMs, identity, { stream, promptEstimate }).event
      const { request } = data as { request: string }
      if (stream) running.push({ request, user: identity.user })
    } else if (kind < 70 && running.length > 0) {
      const [ended] = running.splice(pick(running.length), 1)
      log.completed(atMs, ended!.request, { user: ended!.user, key: 'k' }, pick(2) === 0 ? 200 : 404)
    } else if (kind < 80) log.refused(atMs, 'not_found', identity, `model${pick(100)}`)
    else if (kind < 87) log.keyAccepted(atMs, address, identity)
    else if (kind < 92) log.loginFailed(atMs, pick(3), `10.0.0.${pick(3)}`)
    else log.keyRejected(atMs, pick(2) === 0 ? 'unknown' : 'revoked', `10.0.0.${pick(3)}`)
  }
  return log
}

function ids(decisions: readonly Decision[]): string[] {
  return decisions.map(
    d => `${d.sequence} ${d.incident} ${JSON.stringify(d.numbers)} ${JSON.stringify(d.evidence)}`,
  )
}
