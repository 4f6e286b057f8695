import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GuardPolicy, HOUR_MS, jsonParser } from '@fluxgate/contracts'
import { ada, bob, decisionsOver, Log, SEED, T0 } from './test-events.ts'
import { DEFAULT_RULES, wholePolicy } from './whole-policy.ts'

const penalties = (log: Log, policy: GuardPolicy = SEED) =>
  decisionsOver(log.entries, wholePolicy(policy)).map(d => (d.untilMs - d.atMs) / 1_000)
const { contextFlood } = SEED.rules
const withAction = (action: NonNullable<GuardPolicy['rules']['contextFlood']['action']>): GuardPolicy => ({
  ...SEED,
  rules: { contextFlood: { ...contextFlood, action } },
})
function flood(atMs = 0, identity = ada): Log {
  const log = new Log()
  log.settled(atMs, 600, identity)
  return log
}

describe('a policy', () => {
  it('from before there were more rules is still valid, and has them by default', () => {
    const parse = jsonParser(GuardPolicy)
    assert.equal(parse(Buffer.from(JSON.stringify(SEED))).ok, true)
    assert.deepEqual(wholePolicy(SEED).rules.keyGuessing, DEFAULT_RULES.keyGuessing)
    assert.equal(wholePolicy(SEED).rules.contextFlood.action.kind, 'throttle')
  })

  it('has defaults that are themselves valid', () => {
    const { rules, repeat } = wholePolicy(SEED)
    const parsed = jsonParser(GuardPolicy)(Buffer.from(JSON.stringify({ ...SEED, rules, repeat })))
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason)
  })
})

describe('an action', () => {
  it('observes without a throttle, and does not report the same again meanwhile', () => {
    const log = flood()
    log.settled(59_000, 600)
    log.settled(60_000, 600)
    const decisions = decisionsOver(log.entries, wholePolicy(withAction({ kind: 'observe' })))
    assert.deepEqual(
      decisions.map(d => [d.action, d.throttle, d.atMs - T0]),
      [
        ['observe', undefined, 0],
        ['observe', undefined, 60_000],
      ],
    )
  })

  it('throttles as it says, and as the penalty says where it says nothing', () => {
    const policy = withAction({ kind: 'throttle', capacity: 7, durationMs: 5_000, endStreams: true })
    const [decision] = decisionsOver(flood().entries, wholePolicy(policy))
    const { capacity, refillRate, until, endStreams } = decision!.throttle!
    assert.deepEqual(
      { capacity, refillRate, until, endStreams },
      {
        capacity: 7,
        refillRate: 10,
        until: T0 + 5_000,
        endStreams: true,
      },
    )
  })

  it('blocks: nothing passes, whatever the penalty lets pass', () => {
    const [decision] = decisionsOver(flood().entries, wholePolicy(withAction({ kind: 'block' })))
    assert.deepEqual([decision?.throttle?.capacity, decision?.throttle?.refillRate], [0, 0])
  })
})

describe('penalties', () => {
  it('grow with each violation up to the longest, and say so', () => {
    const log = new Log()
    for (let s = 0; s < 4_000; s++) log.settled(s * 1_000, 600)
    const repeat = { windowMs: 24 * HOUR_MS, factor: 3, maxDurationMs: 20 * 60_000 }
    assert.deepEqual(penalties(log, { ...SEED, repeat }), [60, 180, 540, 1_200, 1_200, 1_200])
    const [, second, third] = decisionsOver(log.entries, wholePolicy({ ...SEED, repeat }))
    assert.match(second!.explanation, /Found once before within 24 h, so the penalty is 180 s\.$/)
    assert.match(third!.explanation, /Found 2 times before/)
    assert.equal(third!.numbers.offencesBefore, 2)
  })

  it('decay: a violation counts for the window alone', () => {
    const log = new Log()
    for (const hour of [0, 1, 2, 30, 60]) log.settled(hour * HOUR_MS, 600)
    assert.deepEqual(penalties(log), [60, 120, 240, 60, 60])
  })

  it('are forgiven by the pardon of a person, and not by that of a service', () => {
    for (const [actor, second] of [
      ['operator:o1', 60],
      ['system', 120],
    ] as const) {
      const log = flood()
      log.pardoned(1_000, ada, actor)
      log.settled(HOUR_MS, 600)
      assert.deepEqual(penalties(log), [60, second], actor)
    }
  })

  it('grow for the offender alone', () => {
    const log = flood()
    log.settled(HOUR_MS, 600, bob)
    assert.deepEqual(penalties(log), [60, 60])
  })
})

describe('a pardon by a person', () => {
  it('gives grace from the rule that found it; from every rule when it was another who imposed', () => {
    for (const [incident, expected] of [
      [undefined, []],
      ['inc_0123456789', ['keySharing']],
    ] as const) {
      const log = new Log()
      log.pardoned(0, ada, 'operator:o1', incident)
      for (let i = 0; i < 11; i++) log.keyAccepted(1_000, `10.0.0.${i}`)
      assert.deepEqual(
        decisionsOver(log.entries).map(d => d.rule),
        expected,
      )
    }
  })
})

describe('the allow-list', () => {
  it('holds users, single keys, and addresses', () => {
    const other = { user: 'ada', key: 'k2' }
    const log = new Log()
    for (const identity of [ada, other, bob]) log.settled(0, 600, identity)
    for (let i = 0; i < 40; i++) {
      log.keyRejected(i, 'unknown', '10.0.0.1')
      log.keyRejected(i, 'unknown', '10.0.0.2')
    }
    const subject = (allow: NonNullable<GuardPolicy['allow']>) =>
      decisionsOver(log.entries, wholePolicy({ ...SEED, allow })).map(
        d => `${d.identity.user}.${d.identity.key.slice(0, 2)}`,
      )
    assert.equal(subject({}).length, 5)
    assert.deepEqual(subject({ identities: ['ada'], addresses: ['10.0.0.1', '10.0.0.2'] }), ['bob.k1'])
    assert.equal(subject({ identities: ['ada.k1'], addresses: ['10.0.0.1'] }).length, 3)
  })
})
