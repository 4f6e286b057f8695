import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type DataOf,
  type Identity,
  type IncidentOpened,
  KeyRejected,
  RequestRefused,
} from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { eventually } from '@fluxgate/testing'
import { ada, type GuardBench, handledAll, startGuardBench, typesOf } from './test-bench.ts'
import { Child, ledAfter, pause } from './test-guard-process.ts'

/** Two rules find 40 identities each; the 40 addresses that guess keys are one campaign. */
const OPENED = 81

/** Ids are forgotten by the streams at once, as after an outage that was longer than the window of duplicates. */
async function forgetIds(bench: GuardBench): Promise<void> {
  for (const stream of ['THROTTLES', 'INCIDENTS']) {
    const { config } = await bench.link.manager.streams.info(stream)
    await bench.link.manager.streams.update(stream, { ...config, duplicate_window: 100_000_000 })
  }
}

describe('a guard that is killed between its effects', { concurrency: true }, () => {
  for (const at of ['before:impose', 'after:impose', 'after:publishImposed', 'after:publishOpened']) {
    it(`neither loses nor doubles anything (${at})`, async () => {
      await using bench = await startGuardBench()
      await forgetIds(bench)
      await using first = new Child(bench, { TEST_AT: at, TEST_SIGNAL: 'SIGKILL' })
      const term = await ledAfter(bench)
      await bench.settle(ada, 300)
      await bench.settle(ada, 300)
      await bench.settle(ada, 300)
      await first.killedItself()
      await using _second = new Child(bench)
      await ledAfter(bench, term)
      await eventually(async () =>
        assert.deepEqual(typesOf(await bench.entries('INCIDENTS')), ['incidents.opened']),
      )
      await handledAll(bench)
      const [imposed, ...more] = await bench.entries('THROTTLES')
      assert.deepEqual(more, [])
      const [opened, ...others] = await bench.entries('INCIDENTS')
      assert.deepEqual(others, [])
      assert.ok(
        opened?.type === 'fluxgate.incidents.opened' && imposed?.type === 'fluxgate.throttles.imposed',
      )
      assert.equal(opened.data.action, 'throttled')
      assert.equal(opened.data.incident, imposed.data.incident)
      assert.equal((await bench.box.get(ada))?.value.incident, imposed.data.incident)
    })
  }
})

describe('a guard that is killed while it ends a throttle', { concurrency: true }, () => {
  for (const at of ['before:publishExpired', 'after:publishExpired', 'after:removeExpired']) {
    it(`neither loses nor doubles its end (${at})`, async () => {
      await using bench = await startGuardBench()
      await forgetIds(bench)
      await using first = new Child(bench, { TEST_AT: at, TEST_SIGNAL: 'SIGKILL', PENALTY_SECONDS: '1s' })
      await ledAfter(bench)
      await bench.settle(ada, 600)
      await first.killedItself()
      await using _second = new Child(bench)
      await eventually(async () => {
        assert.deepEqual(typesOf(await bench.entries('THROTTLES')), [
          'throttles.imposed',
          'throttles.expired',
        ])
        assert.equal(await bench.box.get(ada), undefined)
      })
      await pause(800)
      assert.equal((await bench.entries('THROTTLES')).length, 2)
    })
  }
})

describe('a guard that is killed at any time', () => {
  it('has each of 150 floods answered exactly once', async () => {
    await using bench = await startGuardBench()
    const identities = Array.from({ length: 150 }, (_, i) => ({ user: `user${i}`, key: 'k1' }))
    let child = new Child(bench)
    await ledAfter(bench)
    const flooding = (async () => {
      for (const identity of identities) {
        for (let i = 0; i < 5; i++) await bench.settle(identity, 150)
        await pause(40)
      }
    })()
    for (const livesMs of [500, 950, 1_300]) {
      await pause(livesMs)
      await child[Symbol.asyncDispose]()
      child = new Child(bench)
    }
    await using _last = child
    await flooding
    await eventually(async () => assert.equal((await bench.entries('INCIDENTS')).length, 150), {
      timeoutMs: 60_000,
    })
    await handledAll(bench)
    const subjects = identities.map(({ user }) => `${user}.k1`).sort()
    const imposed = (await bench.entries('THROTTLES')).filter(
      each => each.type === 'fluxgate.throttles.imposed',
    )
    assert.deepEqual(imposed.map(each => each.subject).sort(), subjects)
    assert.deepEqual([...(await bench.throttles.entries()).keys()].sort(), subjects)
    const incidents = await bench.entries('INCIDENTS')
    assert.equal(new Set(incidents.map(each => each.subject)).size, 150)
    assert.equal(incidents.length, 150)
  })

  it('has each finding of several rules, over three streams, answered exactly once', async () => {
    await using bench = await startGuardBench()
    const addresses = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}`)
    let child = new Child(bench, { PENALTY_SECONDS: '1h' })
    await ledAfter(bench)
    const abusing = (async () => {
      for (const [i, address] of addresses.entries()) {
        const identity = { user: `user${i}`, key: 'k1' }
        await Promise.all([
          ...Array.from({ length: 31 }, () => bench.publish(KeyRejected, rejection(address))),
          ...Array.from({ length: 21 }, (_, m) => bench.publish(RequestRefused, refusal(identity, `m${m}`))),
          bench.settle(identity, 700),
        ])
        await pause(60)
      }
    })()
    for (const livesMs of [700, 950, 1_300]) {
      await pause(livesMs)
      await child[Symbol.asyncDispose]()
      child = new Child(bench, { PENALTY_SECONDS: '1h' })
    }
    await using _last = child
    await abusing
    const throttles = await eventually(
      async () => {
        const entries = await bench.throttles.entries()
        assert.equal(entries.size, 80, 'two rules accuse the same identity, which is throttled once')
        assert.equal((await openedIn(bench)).length, OPENED)
        return entries
      },
      { timeoutMs: 60_000 },
    )
    await handledAll(bench)
    const opened = (await openedIn(bench)).map(({ rule, user, key }) => `${rule} ${user}.${key}`)
    assert.equal(new Set(opened).size, OPENED, 'each rule about each of them once')
    assert.equal(opened.length, OPENED)
    for (const rule of ['contextFlood', 'errorProbing']) {
      assert.equal(opened.filter(each => each.startsWith(rule)).length, 40, rule)
    }
    const imposed = (await bench.entries('THROTTLES')).map(each => each.subject)
    assert.deepEqual(imposed.toSorted(), [...throttles.keys()].toSorted())
  })
})

async function openedIn(bench: GuardBench): Promise<DataOf<typeof IncidentOpened>[]> {
  return (await bench.entries('INCIDENTS')).flatMap(({ type, data }) =>
    type === 'fluxgate.incidents.opened' ? [data] : [],
  )
}

function rejection(address: string): DataOf<typeof KeyRejected> {
  return {
    ...addressIdentity(address),
    request: 'req_00000001',
    address,
    reason: 'unknown',
    count: 1,
    windowMs: 0,
  }
}

function refusal(identity: Identity, model: string): DataOf<typeof RequestRefused> {
  return {
    request: 'req_00000001',
    ...identity,
    method: 'POST',
    path: '/v1/chat/completions',
    model,
    address: '10.1.0.1',
    reason: 'not_found',
    status: 404,
    count: 1,
    windowMs: 0,
  }
}
