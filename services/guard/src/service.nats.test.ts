import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, mock } from 'node:test'
import { type DataOf, GuardPolicy, jsonParser, KeyRejected, type PolicyChanged } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { Fold } from '@fluxgate/guard-core'
import { Bucket, DEAD_LETTER_HEADERS, ensureTopology } from '@fluxgate/nats'
import { openPolicies } from '@fluxgate/operations'
import { eventually } from '@fluxgate/testing'
import { startGuard } from './service.ts'
import {
  ada,
  bob,
  type GuardBench,
  LEASE_TTL_MS,
  log,
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
    await pause(200)
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
    await pause(300)
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

  it('takes a new policy while it runs, refuses a wrong one, and goes back when it is deleted', async () => {
    await using bench = await startGuardBench()
    await bench.lead()
    const policies = openPolicies(bench.link, { get: async () => undefined })
    await eventually(async () => assert.partialDeepStrictEqual(await policies.defaultPolicy(), POLICY))
    const put = (value: unknown) => bench.link.jetstream.publish('$KV.policy.guard', JSON.stringify(value))
    const contextFlood = { enabled: true, windowMs: 2_000, thresholdTokens: 10_000 }
    await put({ ...POLICY, rules: { contextFlood }, penalty: { ...POLICY.penalty, capacity: 7 } })
    await pause(100)
    await bench.settle(ada, 5_000)
    await put({ ...POLICY, penalty: { capacity: -1 } })
    await bench.link.jetstream.publish('$KV.policy.limits', '{"tiers":{},"identities":{}}')
    await pause(100)
    await bench.settle(bob, 5_000)
    await pause(200)
    assert.deepEqual(await bench.entries('INCIDENTS'), [], 'the lenient one, and then still it')
    await bench.settle(ada, 5_300)
    await eventually(async () => assert.equal((await throttleOf(bench))?.capacity, 7))
    await new Bucket(bench.link, 'policy', () => ({ ok: false, reason: 'not read' })).delete('guard')
    await pause(100)
    await bench.settle(bob, 600)
    await eventually(async () =>
      assert.equal((await throttleOf(bench, bob))?.capacity, POLICY.penalty.capacity),
    )
  })

  it('only observes where the policy says so, and answers what is not an identity of a key', async () => {
    await using bench = await startGuardBench()
    const contextFlood = { ...POLICY.rules.contextFlood, action: { kind: 'observe' as const } }
    await bench.lead({ rules: { contextFlood } })
    await bench.settle(ada, 600)
    const address = '10.0.0.9'
    const rejection = { ...addressIdentity(address), request: 'req_00000001', address, count: 1, windowMs: 0 }
    for (let i = 0; i < 31; i++) await bench.publish(KeyRejected, { ...rejection, reason: 'unknown' })
    const blocked = await eventually(async () => {
      assert.equal((await bench.entries('INCIDENTS')).length, 2)
      return await throttleOf(bench, addressIdentity(address))
    })
    assert.deepEqual([blocked?.capacity, blocked?.rule], [0, 'keyGuessing'])
    assert.equal(await throttleOf(bench), undefined)
    const flood = (await bench.entries('INCIDENTS')).find(each => each.subject !== blocked?.incident)
    assert.ok(flood?.type === 'fluxgate.incidents.opened')
    assert.deepEqual([flood.data.action, flood.data.until], ['observed', undefined])
    assert.equal((await bench.entries('THROTTLES')).length, 1)
  })

  it('tells what a shadow policy would do and does nothing of it, over a restart too', async () => {
    await using bench = await startGuardBench()
    const first = await bench.lead()
    const contextFlood = { ...POLICY.rules.contextFlood, thresholdTokens: 50 }
    const shadow = { ...POLICY, rules: { contextFlood }, penalty: { ...POLICY.penalty, capacity: 7 } }
    await bench.link.jetstream.publish('$KV.policy.guard-shadow', JSON.stringify(shadow))
    await pause(200)
    await bench.settle(ada, 300)
    await eventually(async () =>
      assert.deepEqual(typesOf(await bench.entries('THROTTLES')), ['throttles.shadowed']),
    )
    const [reported] = await bench.entries('THROTTLES')
    assert.ok(reported?.type === 'fluxgate.throttles.shadowed')
    const { action, capacity, rule, numbers, evidence } = reported.data
    assert.deepEqual({ action, capacity, rule }, { action: 'throttle', capacity: 7, rule: 'contextFlood' })
    assert.deepEqual([numbers.burntTokens, evidence], [300, [{ stream: 'TOKENS', sequence: 1 }]])

    await first[Symbol.asyncDispose]()
    await bench.lead()
    await bench.settle(ada, 150)
    await bench.settle(bob, 300)
    await eventually(async () => assert.equal((await bench.entries('THROTTLES')).length, 2))
    await pause(200)
    const subjects = (await bench.entries('THROTTLES')).map(each => each.subject)
    assert.deepEqual(subjects, ['ada.k1', 'bob.k1'], 'ada was told already')
    assert.deepEqual(await bench.entries('INCIDENTS'), [])
    assert.equal((await bench.throttles.entries()).size, 0)
  })

  it('takes its policy from a file as it changes, refuses a bad one, and says who changed what', async () => {
    await using bench = await startGuardBench()
    const directory = await mkdtemp(join(tmpdir(), 'fluxgate-guard-'))
    await using _gone = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) }
    const path = join(directory, 'policy.json')
    const write = (policy: unknown) => writeFile(path, JSON.stringify(policy))
    const inBucket = async () =>
      (await new Bucket(bench.link, 'policy', jsonParser(GuardPolicy)).get('guard'))?.value
    await write(POLICY)
    await using _guard = await startGuard({ ...bench.config(), policyFile: path }, log)
    await eventually(async () => assert.deepEqual(await inBucket(), POLICY))
    const changed = { ...POLICY, graceMs: 5 }
    await write(changed)
    await eventually(async () => assert.deepEqual(await inBucket(), changed))
    await write({ ...POLICY, graceMs: -1 })
    await writeFile(path, '{')
    await pause(500)
    assert.deepEqual(await inBucket(), changed)
    const last = { ...changed, allow: { identities: ['ada'] } }
    await write(last)
    await eventually(async () => assert.deepEqual(await inBucket(), last))
    await eventually(async () => {
      const reported = (await bench.entries('AUTH')).map(({ data }) => data as DataOf<typeof PolicyChanged>)
      assert.deepEqual(
        reported.map(({ actor, policy, changes }) => [actor, policy, changes[0]?.path]),
        [
          ['file', 'guard', '/'],
          ['file', 'guard', '/graceMs'],
          ['file', 'guard', '/allow'],
        ],
      )
    })
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
      await pause(300)
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
