import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type DataOf,
  type Identity,
  type IncidentOpened,
  KeyRejected,
  RequestRefused,
} from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/guard-core'
import { eventually } from '@fluxgate/testing'
import type { Positions } from './core/position.ts'
import { ada, type GuardBench, startGuardBench, typesOf } from './test-bench.ts'

const CHILD = fileURLToPath(new URL('./test-child.ts', import.meta.url))
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** A guard as a process of its own, which a signal can end or stop at any instruction. */
class Child implements AsyncDisposable {
  readonly process: ChildProcess
  /** Resolves when it has started. */
  readonly ready: Promise<unknown>

  constructor(bench: GuardBench, env: Record<string, string> = {}) {
    this.process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD], {
      env: {
        PATH: process.env.PATH,
        NATS_URL: bench.server.url,
        LOG_LEVEL: 'fatal',
        GUARD_LEASE: '1s',
        ...env,
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.ready = once(this.process, 'message')
  }

  async ended(): Promise<void> {
    if (!this.#isEnded()) await once(this.process, 'exit')
  }

  /** Waits until it has killed itself; fails rather than wait for ever for a child that does not. */
  async killedItself(): Promise<void> {
    await eventually(() => this.#isEnded(), { timeoutMs: 60_000 })
    assert.equal(this.process.signalCode, 'SIGKILL')
  }

  #isEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended()
  }
}

/**
 * Waits for a leader later than `term` whose position is stored; a busy machine may see more than one change. The first
 * leader of all begins at the end of the log, so what is told before its position stands is nothing to it.
 */
async function ledAfter(bench: GuardBench, term = 0): Promise<number> {
  return await eventually(async () => {
    const found = await lease(bench)
    assert.ok(found.term > term && found.state !== undefined)
    return found.term
  })
}

async function lease(bench: GuardBench): Promise<{ term: number; state?: Partial<Positions> }> {
  const message = await bench.link.manager.streams.getMessage('KV_leases', {
    last_by_subj: '$KV.leases.guard',
  })
  return message.json()
}

/** Ids are forgotten by the streams at once, as after an outage that was longer than the window of duplicates. */
async function forgetIds(bench: GuardBench): Promise<void> {
  for (const stream of ['THROTTLES', 'INCIDENTS']) {
    const { config } = await bench.link.manager.streams.info(stream)
    await bench.link.manager.streams.update(stream, { ...config, duplicate_window: 100_000_000 })
  }
}

describe('a guard that is killed between its effects', { concurrency: true }, () => {
  for (const at of ['before:impose', 'after:impose', 'after:tellImposed', 'after:tellOpened']) {
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
        assert.deepEqual(typesOf(await bench.facts('INCIDENTS')), ['incidents.opened']),
      )
      await pause(500)
      const [imposed, ...more] = await bench.facts('THROTTLES')
      assert.deepEqual(more, [])
      const [opened, ...others] = await bench.facts('INCIDENTS')
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
  for (const at of ['before:tellExpired', 'after:tellExpired', 'after:removeExpired']) {
    it(`neither loses nor doubles its end (${at})`, async () => {
      await using bench = await startGuardBench()
      await forgetIds(bench)
      await using first = new Child(bench, { TEST_AT: at, TEST_SIGNAL: 'SIGKILL', PENALTY_SECONDS: '1s' })
      await ledAfter(bench)
      await bench.settle(ada, 600)
      await first.killedItself()
      await using _second = new Child(bench)
      await eventually(async () => {
        assert.deepEqual(typesOf(await bench.facts('THROTTLES')), ['throttles.imposed', 'throttles.expired'])
        assert.equal(await bench.box.get(ada), undefined)
      })
      await pause(800)
      assert.equal((await bench.facts('THROTTLES')).length, 2)
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
    await eventually(async () => assert.equal((await bench.facts('INCIDENTS')).length, 150), {
      timeoutMs: 60_000,
    })
    await pause(500)
    const subjects = identities.map(({ user }) => `${user}.k1`).sort()
    const imposed = (await bench.facts('THROTTLES')).filter(
      each => each.type === 'fluxgate.throttles.imposed',
    )
    assert.deepEqual(imposed.map(each => each.subject).sort(), subjects)
    assert.deepEqual([...(await bench.throttles.entries()).keys()].sort(), subjects)
    const incidents = await bench.facts('INCIDENTS')
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
    const found = await eventually(
      async () => {
        const incidents = (await bench.facts('INCIDENTS')).map(
          each => each.data as DataOf<typeof IncidentOpened>,
        )
        assert.equal(incidents.length, 120)
        return incidents
      },
      { timeoutMs: 60_000 },
    )
    await pause(500)
    const told = found.map(({ rule, user, key }) => `${rule} ${user}.${key}`)
    assert.equal(new Set(told).size, 120, 'each rule about each of them once')
    for (const rule of ['contextFlood', 'errorProbing', 'keyGuessing']) {
      assert.equal(told.filter(each => each.startsWith(rule)).length, 40, rule)
    }
    assert.equal((await bench.facts('INCIDENTS')).length, 120)
    const throttles = await bench.throttles.entries()
    assert.equal(throttles.size, 80, 'two rules accuse the same identity, which is throttled once')
    const imposed = (await bench.facts('THROTTLES')).map(each => each.subject)
    assert.deepEqual(imposed.toSorted(), [...throttles.keys()].toSorted())
  })
})

function rejection(address: string): DataOf<typeof KeyRejected> {
  return { ...addressIdentity(address), request: 'req_00000001', address, reason: 'unknown' }
}

function refusal(identity: Identity, model: string): DataOf<typeof RequestRefused> {
  return {
    ...{ request: 'req_00000001', ...identity, method: 'POST', path: '/v1/chat/completions', model },
    ...{ address: '10.1.0.1', reason: 'not_found', status: 404 },
  }
}

/** From the death of a leader, by default settings, to the throttle that its standby imposes. */
async function takeoverMs(): Promise<number> {
  // The allowance of the free tier in this window is 300 + 20 s × 100 tokens; the two settlements may be seconds apart.
  const env = { GUARD_LEASE: '2s', DRAIN_WINDOW: '20s' }
  await using bench = await startGuardBench()
  await using leader = new Child(bench, env)
  await ledAfter(bench)
  await using standby = new Child(bench, env)
  await standby.ready
  await pause(500)
  await bench.settle(ada, 2_000)
  // Until its position is stored: what came before it is known from the window alone.
  await eventually(async () => assert.equal((await lease(bench)).state?.TOKENS?.sequence, 1))
  leader.process.kill('SIGKILL')
  const killedAtMs = performance.now()
  await bench.settle(ada, 301)
  await eventually(async () => assert.ok(await bench.box.get(ada)), { everyMs: 5 })
  const tookMs = performance.now() - killedAtMs
  const [opened] = await eventually(async () => {
    const incidents = await bench.facts('INCIDENTS')
    assert.equal(incidents.length, 1)
    return incidents
  })
  assert.ok(opened?.type === 'fluxgate.incidents.opened')
  assert.equal(opened.data.numbers.burntTokens, 2_301, 'the window was replayed')
  return tookMs
}

describe('leader and standby', { concurrency: true }, () => {
  it('pass the lead within three seconds of a SIGKILL, by default', async () => {
    // A takeover that a busy machine held up is measured again.
    let tookMs = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < 3 && tookMs >= 3_000; tries++) tookMs = await takeoverMs()
    assert.ok(tookMs < 3_000, `${tookMs} ms`)
  })

  it('the standby remembers what it folded, so that nothing has to be read again', async () => {
    await using bench = await startGuardBench()
    const leader = await bench.lead()
    const standby = await bench.start()
    await bench.settle(ada, 300)
    await eventually(async () => assert.equal((await lease(bench)).state?.TOKENS?.sequence, 1))
    await pause(300)
    await bench.link.manager.streams.purge('TOKENS')
    await leader[Symbol.asyncDispose]()
    await eventually(() => standby.isLeader(), { everyMs: 5 })
    await bench.settle(ada, 300)
    await eventually(async () => {
      const [opened] = await bench.facts('INCIDENTS')
      assert.ok(opened?.type === 'fluxgate.incidents.opened')
      assert.equal(opened.data.numbers.burntTokens, 600)
    })
  })

  it('the standby carries out what it had decided and the leader had not', async () => {
    await using bench = await startGuardBench()
    await using stuck = new Child(bench, { TEST_AT: 'before:impose', TEST_SIGNAL: 'SIGKILL' })
    await ledAfter(bench)
    const standby = await bench.start()
    await pause(500)
    await bench.settle(ada, 600)
    await stuck.killedItself()
    await bench.link.manager.streams.purge('TOKENS')
    await eventually(() => standby.isLeader())
    await eventually(async () => assert.ok(await bench.box.get(ada)))
    await eventually(async () => assert.equal((await bench.facts('INCIDENTS')).length, 1))
  })

  it('a leader that stood still and wakes does not put back what was pardoned', async () => {
    await using bench = await startGuardBench()
    await using paused = new Child(bench, { TEST_AT: 'before:impose', TEST_SIGNAL: 'SIGSTOP' })
    await ledAfter(bench)
    await bench.settle(ada, 600)
    await pause(200)
    assert.equal(await bench.box.get(ada), undefined, 'stopped with the decision made and not carried out')
    await using _standby = new Child(bench)
    await eventually(async () => assert.equal((await bench.facts('INCIDENTS')).length, 1))
    await bench.box.pardon(ada, 'operator:o1', 'known', Date.now())
    paused.process.kill('SIGCONT')
    await pause(1_500)
    assert.equal(await bench.box.get(ada), undefined)
    assert.deepEqual(typesOf(await bench.facts('THROTTLES')), ['throttles.imposed', 'throttles.pardoned'])
    assert.equal((await bench.facts('INCIDENTS')).length, 1)
  })
})
