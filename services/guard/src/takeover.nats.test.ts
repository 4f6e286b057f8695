import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { ada, bob, counted, lease, startGuardBench, typesOf } from './test-bench.ts'
import { Child, ledAfter, pause } from './test-guard-process.ts'

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
    const incidents = await bench.entries('INCIDENTS')
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
    const folded = () => counted(standby, 'fluxgate_guard_events_folded_total', 'TOKENS')
    // It begins at the end of the log: only what comes later is folded.
    const begun = async () => {
      await bench.settle(bob, 1)
      assert.ok((await folded()) > 0)
    }
    await eventually(begun, { everyMs: 500 })
    const before = await folded()
    await bench.settle(ada, 300)
    const { state } = await bench.link.manager.streams.info('TOKENS')
    await eventually(async () => {
      assert.equal((await lease(bench)).state?.TOKENS?.sequence, state.last_seq)
      assert.ok((await folded()) > before)
    })
    await bench.link.manager.streams.purge('TOKENS')
    await leader[Symbol.asyncDispose]()
    await eventually(() => standby.isLeader(), { everyMs: 5 })
    await bench.settle(ada, 300)
    await eventually(async () => {
      const [opened] = await bench.entries('INCIDENTS')
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
    await eventually(async () => assert.equal((await bench.entries('INCIDENTS')).length, 1))
  })

  it('a leader that stood still and wakes does not put back what was pardoned', async () => {
    await using bench = await startGuardBench()
    await using paused = new Child(bench, { TEST_AT: 'before:impose', TEST_SIGNAL: 'SIGSTOP' })
    await ledAfter(bench)
    await bench.settle(ada, 600)
    await pause(200)
    assert.equal(await bench.box.get(ada), undefined, 'stopped with the decision made and not carried out')
    await using _standby = new Child(bench)
    await eventually(async () => assert.equal((await bench.entries('INCIDENTS')).length, 1))
    await bench.box.pardon(ada, 'operator:o1', 'known', Date.now())
    paused.process.kill('SIGCONT')
    await pause(1_500)
    assert.equal(await bench.box.get(ada), undefined)
    assert.deepEqual(typesOf(await bench.entries('THROTTLES')), ['throttles.imposed', 'throttles.pardoned'])
    assert.equal((await bench.entries('INCIDENTS')).length, 1)
  })
})
