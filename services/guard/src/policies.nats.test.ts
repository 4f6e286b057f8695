import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type DataOf, GuardPolicy, jsonParser, KeyRejected, type PolicyChanged } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { Bucket } from '@fluxgate/nats'
import { openPolicies } from '@fluxgate/operations'
import { eventually } from '@fluxgate/testing'
import { startGuard } from './service.ts'
import { ada, bob, type GuardBench, handledAll, log, POLICY, startGuardBench, typesOf } from './test-bench.ts'

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const throttleOf = (bench: GuardBench, identity = ada) => bench.box.get(identity).then(entry => entry?.value)

describe('the policy of the guard', () => {
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
    await handledAll(bench)
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

  it('records what a shadow policy would do, and does none of it, over a restart too', async () => {
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
    await handledAll(bench)
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
})
