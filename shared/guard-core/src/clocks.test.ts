import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LogEvent } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { decisionsOver, Log, POLICY, SEED, T0 } from './test-events.ts'
import { DEFAULT_RULES, wholePolicy } from './whole-policy.ts'

/** The same events by a source whose clock is wrong. */
function bySource(entry: LogEvent, source: string, offsetMs: number): LogEvent {
  const time = new Date(Date.parse(entry.event.time) + offsetMs).toISOString()
  return { ...entry, event: { ...entry.event, source, time } as LogEvent['event'] }
}

/** All events until then are stored at that moment, in the order in which they happened. */
function storedAtOnce(entries: readonly LogEvent[], untilMs: number): LogEvent[] {
  return entries.map(entry => ({ ...entry, storedAtMs: Math.max(entry.storedAtMs, T0 + untilMs) }))
}

describe('the time that rules count by', () => {
  it('throttles no identity when a minute of ordinary calls is stored in an instant after an outage', () => {
    const log = new Log()
    for (let second = 0; second < 60; second++) log.settled(second * 1_000, 50)
    assert.deepEqual(decisionsOver(storedAtOnce(log.entries, 60_000)), [])
  })

  it('finds a flood that happened in an outage', () => {
    const log = new Log()
    for (let i = 0; i < 20; i++) log.settled(i * 50, 100)
    assert.equal(decisionsOver(storedAtOnce(log.entries, 60_000)).length, 1)
  })

  it('is not moved by one event whose clock is five minutes ahead', () => {
    const log = new Log()
    for (let second = 0; second < 300; second++) log.settled(second * 1_000, 90)
    const entries = log.entries.map((entry, i) =>
      i === 20 ? bySource(entry, '/gateway/a/1', 300_000) : entry,
    )
    assert.deepEqual(decisionsOver(entries), [])
  })

  for (const offsetMs of [300_000, -300_000, 15_000, -15_000]) {
    it(`throttles no ordinary caller, and finds a flood, when one node of two is ${offsetMs} ms off`, () => {
      const log = new Log()
      for (let second = 0; second < 400; second++) log.settled(second * 1_000, 90)
      for (let i = 0; i < 20; i++) log.settled(400_000 + i * 50, 100, { user: 'eve', key: 'k1' })
      const entries = log.entries.map((entry, i) =>
        i % 2 === 0 || i >= 400 ? bySource(entry, '/gateway/b/1', offsetMs) : entry,
      )
      assert.deepEqual(
        decisionsOver(entries).map(({ identity }) => identity.user),
        ['eve'],
      )
    })
  }

  it('counts no event that is older than five minutes when it is stored', () => {
    const log = new Log()
    for (let i = 0; i < 5; i++) log.settled(i, 100)
    assert.equal(decisionsOver(storedAtOnce(log.entries, 299_000)).length, 0)
    for (let i = 0; i < 5; i++) log.settled(10 + i, 100)
    assert.equal(decisionsOver(storedAtOnce(log.entries, 299_000)).length, 1)
    assert.equal(decisionsOver(storedAtOnce(log.entries, 301_000)).length, 0)
  })
})

describe('a attack', () => {
  it('is one incident when keys are guessed from 1,500 addresses', () => {
    const log = new Log()
    for (let i = 0; i < 1_500; i++) log.keyRejected(i * 20, 'unknown', `2001:db8:${i.toString(16)}::1`, 31)
    const decisions = decisionsOver(log.entries)
    assert.equal(decisions.length, 1_500)
    assert.equal(new Set(decisions.map(({ incident }) => incident)).size, 1)
    assert.equal(new Set(decisions.map(({ id }) => id)).size, 1_500)
    assert.equal(decisions.at(-1)?.findings, 1_500)
    assert.ok(decisions.every(({ throttle }) => throttle?.capacity === 0))
  })

  it('counts the addresses of one /64 as one', () => {
    const log = new Log()
    for (let i = 0; i < 31; i++) log.keyRejected(i, 'unknown', `2001:db8::${i.toString(16)}`)
    assert.equal(decisionsOver(log.entries).length, 1)
  })

  it('ends ten minutes after its last finding', () => {
    const log = new Log()
    log.keyRejected(0, 'unknown', '192.0.2.1', 31)
    log.keyRejected(599_000, 'unknown', '192.0.2.2', 31)
    log.keyRejected(1_300_000, 'unknown', '192.0.2.3', 31)
    const [first, second, third] = decisionsOver(log.entries)
    assert.equal(second?.incident, first?.incident)
    assert.notEqual(third?.incident, first?.incident)
  })

  it('goes on when one of its addresses is pardoned, which alone is left alone until the grace is over', () => {
    const log = new Log()
    for (const [i, host] of ['1', '2'].entries()) log.keyRejected(i, 'unknown', `192.0.2.${host}`, 31)
    const [first] = decisionsOver(log.entries)
    log.pardoned(1_000, addressIdentity('192.0.2.2'), 'operator:o1', first!.incident)
    const attempts: [number, string][] = [
      [2_000, '2'],
      [3_000, '3'],
      [POLICY.graceMs + 2_000, '2'],
    ]
    for (const [atMs, host] of attempts) log.keyRejected(atMs, 'unknown', `192.0.2.${host}`, 31)
    const decisions = decisionsOver(log.entries)
    assert.deepEqual(
      decisions.map(({ identity }) => identity.key),
      ['1', '2', '3', '2'].map(host => addressIdentity(`192.0.2.${host}`).key),
    )
    assert.ok(decisions.every(({ incident }) => incident === first!.incident))
    assert.equal(decisions.at(-1)?.atMs, T0 + POLICY.graceMs + 2_000)
  })

  it('is not what known identities join', () => {
    const log = new Log()
    for (const user of ['ada', 'bob']) log.refused(0, 'not_found', { user, key: 'k1' }, 'm', 2_000)
    const incidents = decisionsOver(log.entries).map(({ incident }) => incident)
    assert.equal(new Set(incidents).size, incidents.length)
  })

  it('puts no throttle on callers that are counted together', () => {
    const log = new Log()
    log.keyRejected(0, 'unknown', 'other addresses', 1_000)
    const [decision] = decisionsOver(log.entries)
    assert.deepEqual([decision?.action, decision?.throttle], ['observe', undefined])
  })
})

describe('the default flood', () => {
  it('allows what the limits of a tier allow, and no more', () => {
    const policy = wholePolicy({ ...SEED, rules: { contextFlood: DEFAULT_RULES.contextFlood } })
    for (const [refillRate, allowed] of [
      [100, 7_000],
      [1_000, 70_000],
    ] as const) {
      const log = new Log()
      log.settled(0, allowed, undefined, { refillRate })
      assert.equal(decisionsOver(log.entries, policy).length, 0)
      log.settled(1, 1, undefined, { refillRate })
      assert.equal(decisionsOver(log.entries, policy).length, 1)
    }
    assert.equal(POLICY.rules.contextFlood.burstSeconds, undefined)
  })
})
