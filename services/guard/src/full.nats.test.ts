import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DAY_MS, identityText, KeyRejected, type Throttle } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { GUARD_ACTOR } from '@fluxgate/guard-core'
import { ensureTopology } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import {
  ada,
  bob,
  counted,
  type GuardBench,
  lease,
  startGuardBench,
  typesOf,
  warningsOf,
} from './test-bench.ts'

import { AUTOMATIC_PART } from './throttle-room.nats.ts'

const MIB = 1024 ** 2
/** The bucket of throttles has 0.5 % of it: 168 kB, which is some 400 throttles. */
const SMALL_BYTES = 32 * MIB
const ADDRESSES = 700
const GUESSES = 31

const addressOf = (number: number) => `10.${number >> 8}.${number & 255}.1`

function guess(bench: GuardBench, address: string): Promise<void> {
  return bench.publish(KeyRejected, {
    ...addressIdentity(address),
    request: 'req_00000001',
    address,
    reason: 'unknown',
    count: GUESSES,
    windowMs: 1_000,
  })
}

function orderOf(nowMs: number): Throttle {
  return {
    capacity: 0,
    refillRate: 0,
    imposedAt: nowMs,
    until: nowMs + 365 * DAY_MS,
    reason: 'blocked by hand',
    rule: 'manual',
    actor: 'operator:o1',
  }
}

async function usedPart(bench: GuardBench): Promise<number> {
  const { config, state } = await bench.link.manager.streams.info('KV_throttles')
  return state.bytes / config.max_bytes
}

/** Waits until the guard's stored position is the end of that stream. */
async function allFolded(bench: GuardBench, stream: string): Promise<void> {
  await eventually(
    async () => {
      const { state } = await bench.link.manager.streams.info(stream)
      assert.equal((await lease(bench)).state?.[stream]?.sequence, state.last_seq)
    },
    { timeoutMs: 90_000 },
  )
}

describe('a full bucket of throttles', () => {
  it('drops the oldest automatic throttles, has room for orders, is said, and heals when throttles end', async () => {
    await using bench = await startGuardBench({ storageBytes: SMALL_BYTES })
    let aheadMs = 0
    const guard = await bench.lead({}, { nowMs: () => Date.now() + aheadMs })
    await bench.settle(ada, 600)
    for (let at = 0; at < ADDRESSES; at += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => guess(bench, addressOf(at + i))))
      await bench.box.impose({ user: `user${at}`, key: 'k1' }, orderOf(Date.now()))
    }
    await allFolded(bench, 'REFUSALS')
    await bench.box.impose(bob, orderOf(Date.now()))

    // The room that orders have is there again after the next look.
    const entries = await eventually(async () => {
      assert.ok((await usedPart(bench)) <= AUTOMATIC_PART)
      const found = await bench.throttles.entries()
      const automatic = [...found.values()].filter(({ value }) => value.actor === GUARD_ACTOR).length
      const dropped = await counted(guard, 'fluxgate_guard_throttles_dropped_total')
      assert.ok(dropped > 100, `${dropped} dropped`)
      assert.equal(dropped + automatic, ADDRESSES + 1, 'each of them was imposed once')
      return found
    })
    const orders = [...entries.values()].filter(({ value }) => value.actor !== GUARD_ACTOR)
    assert.equal(orders.length, ADDRESSES / 50 + 1, 'no order was dropped or refused')
    assert.ok(entries.has('ada.k1'), 'strangers go before known identities')
    const keyOf = (number: number) => identityText(addressIdentity(addressOf(number)))
    assert.ok(!entries.has(keyOf(0)), 'the oldest went')
    assert.ok(entries.has(keyOf(ADDRESSES - 1)), 'the newest is in force')
    const ended = typesOf(await bench.entries('THROTTLES')).filter(type => type === 'throttles.expired')
    assert.ok(ended.length > 0, 'their early end is in the log')
    const opened = typesOf(await bench.entries('INCIDENTS')).filter(type => type === 'incidents.opened')
    assert.equal(opened.length, 2, 'one campaign, and one flood')
    assert.match((await warningsOf(guard)).throttles ?? '', /automatic throttles are dropped/)

    aheadMs = 2 * DAY_MS
    await eventually(
      async () => {
        assert.equal((await bench.throttles.entries()).size, orders.length)
        assert.ok((await usedPart(bench)) < 0.5)
        assert.deepEqual(await warningsOf(guard), {})
      },
      { timeoutMs: 60_000 },
    )
  })
})

describe('a full stream of incidents', () => {
  const floods = async (bench: GuardBench, name: string) => {
    for (let i = 0; i < 8; i++) await bench.settle({ user: `${name}${i}`, key: 'k1' }, 600)
    await allFolded(bench, 'TOKENS')
    const throttles = await bench.throttles.entries()
    for (let i = 0; i < 8; i++) assert.ok(throttles.has(`${name}${i}.k1`))
  }
  const limit = async (bench: GuardBench, whenFull: 'old' | 'new') => {
    const { config } = await bench.link.manager.streams.info('INCIDENTS')
    const discard = whenFull as typeof config.discard
    await bench.link.manager.streams.update('INCIDENTS', { ...config, discard, max_bytes: 4_000 })
  }

  it('drops its oldest, and the guard goes on', async () => {
    await using bench = await startGuardBench()
    await limit(bench, 'old')
    const guard = await bench.lead()
    await floods(bench, 'ada')
    const { state } = await bench.link.manager.streams.info('INCIDENTS')
    assert.equal(state.last_seq, 8)
    assert.ok(state.first_seq > 1, 'the oldest went')
    assert.equal(await counted(guard, 'fluxgate_guard_decisions_total', 'outcome="failed"'), 0)
  })

  it('of the first edition, which refuses, costs incidents but no throttle, until it is upgraded', async () => {
    await using bench = await startGuardBench()
    await limit(bench, 'new')
    const guard = await bench.lead()
    await floods(bench, 'ada')
    const { state } = await bench.link.manager.streams.info('INCIDENTS')
    assert.ok(state.last_seq < 8)
    const failed = await counted(guard, 'fluxgate_guard_decisions_total', 'outcome="failed"')
    assert.equal(failed, 8 - state.last_seq, 'each decision that was given up is counted')
    await ensureTopology(bench.link)
    await floods(bench, 'bob')
    const after = await bench.link.manager.streams.info('INCIDENTS')
    assert.equal(after.state.last_seq, state.last_seq + 8)
  })
})

describe('a stream that was made anew while no guard ran', () => {
  it('is read from its first message, though its end is behind the stored position', async () => {
    await using bench = await startGuardBench()
    const first = await bench.lead()
    for (let i = 0; i < 3; i++) await bench.settle(bob, 100)
    await allFolded(bench, 'TOKENS')
    await first[Symbol.asyncDispose]()
    const { config } = await bench.link.manager.streams.info('TOKENS')
    await bench.link.manager.streams.delete('TOKENS')
    await bench.link.manager.streams.add(config)
    await bench.settle(ada, 600)
    for (let i = 0; i < 6; i++) await bench.settle(bob, 1)
    await bench.lead()
    await eventually(async () => assert.ok(await bench.box.get(ada)))
  })
})

describe('a stream that dropped what is behind the stored position', () => {
  it('is said with the number of events that no rule has counted, and the guard goes on behind them', async () => {
    await using bench = await startGuardBench()
    const first = await bench.lead()
    await bench.settle(ada, 100)
    await allFolded(bench, 'TOKENS')
    await first[Symbol.asyncDispose]()
    for (let i = 0; i < 4; i++) await bench.settle(bob, 100)
    await bench.settle(ada, 600)
    await bench.link.manager.streams.purge('TOKENS', { seq: 5 })
    const guard = await bench.lead()
    await eventually(async () => assert.ok(await bench.box.get(ada)))
    assert.equal(await counted(guard, 'fluxgate_guard_events_missed_total', 'TOKENS'), 3)
    const { missed } = await warningsOf(guard)
    assert.equal(missed, '3 events of TOKENS were dropped before the guard had read them.')
  })
})
