import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { Fold } from '@fluxgate/guard-core'
import { DEAD_LETTER_HEADERS, ensureTopology } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import {
  ada,
  bob,
  type GuardBench,
  handledAll,
  LEASE_TTL_MS,
  POLICY,
  startGuardBench,
  typesOf,
} from './test-bench.ts'

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const throttleOf = (bench: GuardBench, identity = ada) => bench.box.get(identity).then(entry => entry?.value)

describe('the guard', () => {
  it('answers a flood with one throttle, one event and one incident', async () => {
    await using bench = await startGuardBench()
    await bench.lead()
    for (let i = 0; i < 40; i++) await bench.settle(ada, 100)
    await bench.settle(bob, 500)
    const [opened] = await eventually(async () => {
      const incidents = await bench.entries('INCIDENTS')
      assert.equal(incidents.length, 1)
      return incidents
    })
    await handledAll(bench)
    assert.ok(opened?.type === 'fluxgate.incidents.opened')
    assert.equal((await bench.entries('INCIDENTS')).length, 1)
    assert.equal(await throttleOf(bench, bob), undefined)
    const throttle = await throttleOf(bench)
    assert.ok(throttle)
    const [imposed, ...more] = await bench.entries('THROTTLES')
    assert.deepEqual(more, [])
    assert.ok(imposed?.type === 'fluxgate.throttles.imposed')

    const { incident, until } = opened.data
    assert.deepEqual(opened.data, {
      incident,
      ...ada,
      rule: 'contextFlood',
      severity: 'low',
      action: 'throttled',
      until,
      explanation: throttle.reason,
      numbers: opened.data.numbers,
      evidence: [1, 2, 3, 4, 5, 6].map(sequence => ({ stream: 'TOKENS', sequence })),
    })
    assert.equal(opened.data.numbers.burntTokens, 600)
    assert.deepEqual([opened.id, imposed.id], [`opened-${incident}`, `imposed-${incident}`])
    const { imposedAt, ...entry } = throttle
    assert.deepEqual(imposed.data, { ...ada, ...entry })
    assert.deepEqual({ actor: throttle.actor, incident: throttle.incident }, { actor: 'guard', incident })
    assert.equal(throttle.until, imposedAt + POLICY.penalty.durationMs)
    assert.equal(opened.time, new Date(imposedAt).toISOString())
  })

  it('leaves an identity alone after a pardon by a person, and looks again after the grace', async () => {
    await using bench = await startGuardBench()
    await bench.lead({ graceMs: 1_500 })
    await bench.settle(ada, 600)
    await eventually(async () => assert.ok(await throttleOf(bench)), { everyMs: 5 })
    assert.equal(await bench.box.pardon(ada, 'operator:o1', 'known', Date.now()), true)
    await pause(50)
    await bench.settle(ada, 5_000)
    await handledAll(bench)
    assert.equal(await throttleOf(bench), undefined)
    await pause(1_500)
    await bench.settle(ada, 600)
    await eventually(async () => assert.ok(await throttleOf(bench)))
    await eventually(async () => assert.equal((await bench.entries('INCIDENTS')).length, 2))
    assert.deepEqual(typesOf(await bench.entries('THROTTLES')), [
      'throttles.imposed',
      'throttles.pardoned',
      'throttles.imposed',
    ])
  })

  it('ends a throttle in its time, once, whoever imposed it; a newer one stays', async () => {
    await using bench = await startGuardBench()
    const penalty = { ...POLICY.penalty, durationMs: 1_000 }
    await bench.lead({ penalty })
    const manual = { capacity: 1, refillRate: 1, reason: 'by hand', rule: 'manual', actor: 'admin' }
    const now = Date.now()
    await bench.box.impose(bob, { ...manual, imposedAt: now, until: now + 700 })
    await bench.settle(ada, 600)
    await eventually(async () => {
      const ended = (await bench.entries('THROTTLES')).filter(
        each => each.type === 'fluxgate.throttles.expired',
      )
      assert.deepEqual(ended.map(each => each.subject).sort(), ['ada.k1', 'bob.k1'])
    })
    assert.deepEqual([await throttleOf(bench), await throttleOf(bench, bob)], [undefined, undefined])

    await bench.settle(ada, 600)
    await eventually(async () => assert.ok(await throttleOf(bench), 'over the marker of the one that ended'))
    const longer = { ...manual, imposedAt: Date.now(), until: Date.now() + 60_000 }
    await bench.box.impose(ada, longer)
    await pause(1_500)
    assert.deepEqual(await throttleOf(bench), longer)
    const ended = (await bench.entries('THROTTLES')).filter(
      each => each.type === 'fluxgate.throttles.expired',
    )
    assert.equal(ended.length, 2)
  })

  it('does not put its throttle over the one of a person, and says so', async () => {
    await using bench = await startGuardBench()
    await bench.lead()
    const now = Date.now()
    const block = { capacity: 0, refillRate: 0, reason: 'blocked', rule: 'manual', actor: 'operator:o1' }
    await bench.box.impose(ada, { ...block, imposedAt: now, until: now + 86_400_000 })
    await bench.settle(ada, 50_000)
    const [opened] = await eventually(async () => {
      const incidents = await bench.entries('INCIDENTS')
      assert.equal(incidents.length, 1)
      return incidents
    })
    assert.ok(opened?.type === 'fluxgate.incidents.opened')
    assert.equal(opened.data.action, 'observed')
    assert.match(opened.data.explanation, /Another throttle was in force/)
    assert.equal((await throttleOf(bench))?.actor, 'operator:o1')
  })

  it('buries garbage and goes on', async () => {
    await using bench = await startGuardBench()
    await bench.lead()
    await bench.link.jetstream.publish('fluxgate.tokens.00.settled.ada.k1', 'garbage')
    await bench.settle(ada, 600)
    await eventually(async () => assert.ok(await throttleOf(bench)))
    const letter = await bench.link.manager.streams.getMessage('DEADLETTER', { seq: 1 })
    assert.equal(letter.header.get(DEAD_LETTER_HEADERS.consumer), 'guard')
    assert.equal(letter.header.get(DEAD_LETTER_HEADERS.sequence), '1')
    assert.equal(letter.string(), 'garbage')
  })

  it('makes a dead letter of an event whose handling throws, and folds its neighbours once', async () => {
    await using bench = await startGuardBench()
    const guard = await bench.lead()
    const { fold } = Fold.prototype
    mock.method(Fold.prototype, 'fold', function (this: Fold, ...args: Parameters<typeof fold>) {
      const { data } = args[0].event
      if ('user' in data && data.user === bob.user) throw new Error('thrown by a rule')
      return fold.apply(this, args)
    })
    try {
      await Promise.all([bench.settle(ada, 100), bench.settle(bob, 900), bench.settle(ada, 300)])
      const letter = await eventually(() => bench.link.manager.streams.getMessage('DEADLETTER', { seq: 1 }))
      assert.equal(letter.header.get(DEAD_LETTER_HEADERS.consumer), 'guard')
      assert.match(letter.header.get(DEAD_LETTER_HEADERS.reason), /thrown by a rule/)
      // 400 tokens are allowed, and would not be if a batch were folded twice.
      await handledAll(bench)
      assert.equal(await throttleOf(bench), undefined)
      await bench.settle(ada, 300)
      await eventually(async () => assert.ok(await throttleOf(bench)))
      assert.ok(guard.isLeader())
      assert.equal((await bench.link.manager.streams.info('DEADLETTER')).state.messages, 1)
    } finally {
      mock.restoreAll()
    }
  })

  it('goes on when the server was killed and came back', async () => {
    await using bench = await startGuardBench({ ownServer: true })
    const guard = await bench.lead()
    await bench.settle(ada, 400)
    await bench.server.stop('SIGKILL')
    await pause(LEASE_TTL_MS)
    await bench.server.start()
    await bench.settle(bob, 600)
    await eventually(async () => assert.ok(await throttleOf(bench, bob)), { timeoutMs: 20_000 })
    await eventually(() => guard.isLeader())
    assert.equal(await throttleOf(bench), undefined)
  })

  it('waits for buckets that are not there yet', async () => {
    await using bench = await startGuardBench()
    await bench.link.manager.streams.delete('KV_policy')
    await bench.link.manager.streams.delete('KV_leases')
    const guard = await bench.start()
    await pause(300)
    assert.equal(guard.isLeader(), false)
    await ensureTopology(bench.link)
    await eventually(() => guard.isLeader())
  })
})
