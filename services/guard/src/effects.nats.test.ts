import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventMaker, type Throttle } from '@fluxgate/contracts'
import { ulid } from 'ulid'
import { type Enforced, expire } from './apply-decision.ts'
import { NatsEffects } from './effects.nats.ts'
import { ada, type GuardBench, startGuardBench, typesOf } from './test-bench.ts'

const make = eventMaker('/guard/test', ulid, Date.now)

function decision(imposedAt: number, incident: string, durationMs = 60_000): Enforced {
  const throttle: Throttle = {
    capacity: 100,
    refillRate: 10,
    imposedAt,
    until: imposedAt + durationMs,
    reason: 'r',
    rule: 'contextFlood',
    actor: 'guard',
    incident,
  }
  const finding = { severity: 'low' as const, explanation: 'e', numbers: {}, evidence: [] }
  const place = { stream: 'TOKENS', sequence: 1, atMs: imposedAt, untilMs: imposedAt + durationMs }
  const rule = 'contextFlood' as const
  return {
    ...finding,
    ...place,
    id: incident,
    incident,
    findings: 1,
    identity: ada,
    rule,
    action: 'throttle',
    throttle,
  }
}

function effectsOf(bench: GuardBench, leads = () => true) {
  let imposed = 0
  const onImposed = () => imposed++
  const effects = new NatsEffects(bench.link, bench.throttles, make, {
    nowMs: Date.now,
    leads,
    onImposed,
    onDropped() {},
    onUsed() {},
  })
  return Object.assign(effects, { imposed: () => imposed })
}

describe('the effects', () => {
  it('are idempotent, each of them, also for another leader', async () => {
    await using bench = await startGuardBench()
    const wanted = decision(Date.now(), 'inc_00000001')
    for (const effects of [effectsOf(bench), effectsOf(bench)]) {
      for (let i = 0; i < 2; i++) {
        assert.equal(await effects.impose(wanted), 'imposed')
        await effects.publishImposed(wanted)
        await effects.publishOpened(wanted, 'imposed')
        assert.equal(await effects.isOpened(wanted.incident), true)
      }
    }
    assert.equal(await effectsOf(bench).isOpened('inc_00000002'), false)
    assert.deepEqual((await bench.box.get(ada))?.value, wanted.throttle)
    assert.equal((await bench.entries('THROTTLES')).length, 1)
    assert.equal((await bench.entries('INCIDENTS')).length, 1)
  })

  it('put nothing back that was lifted after the event, even where the leader does not know that it is none', async () => {
    await using bench = await startGuardBench()
    const old = decision(Date.now(), 'inc_00000001')
    await effectsOf(bench).impose(old)
    await bench.box.pardon(ada, 'admin', 'known', Date.now())
    const stale = effectsOf(bench)
    assert.equal(await stale.impose(old), 'lifted')
    assert.equal(await bench.box.get(ada), undefined)
    assert.equal(stale.imposed(), 0)
    // What crosses after the pardon is another matter.
    assert.equal(await stale.impose(decision(Date.now() + 5, 'inc_00000002')), 'imposed')
  })

  it('leave a throttle in force alone, and tell the end of one that they replace', async () => {
    await using bench = await startGuardBench()
    const effects = effectsOf(bench)
    const now = Date.now()
    await effects.impose(decision(now, 'inc_00000001'))
    assert.equal(await effects.impose(decision(now + 1, 'inc_00000002')), 'outranked')
    await bench.box.impose(ada, { ...decision(now - 100, 'inc_00000003', 50).throttle, actor: 'admin' })
    assert.equal(await effects.impose(decision(now, 'inc_00000004')), 'imposed')
    assert.deepEqual(typesOf(await bench.entries('THROTTLES')), ['throttles.imposed', 'throttles.expired'])
    assert.equal(await effects.impose(decision(now - 61_000, 'inc_00000005')), 'late')
  })

  it('end a throttle once, and only the one that was meant', async () => {
    await using bench = await startGuardBench()
    const effects = effectsOf(bench)
    const over = decision(Date.now() - 1_000, 'inc_00000001', 500).throttle
    const revision = await bench.throttles.put('ada.k1', over)
    for (let i = 0; i < 2; i++) await expire(effects, 'ada.k1', over, revision)
    assert.equal(await bench.box.get(ada), undefined)
    // Its marker is newer than an event that crossed in between, and is not taken for a pardon.
    assert.equal(await effects.impose(decision(Date.now() - 400, 'inc_00000002')), 'imposed')
    await expire(effectsOf(bench), 'ada.k1', over, revision)
    assert.ok(await bench.box.get(ada))
    assert.deepEqual(typesOf(await bench.entries('THROTTLES')), ['throttles.expired'])
  })

  it('do nothing when this process leads no more', async () => {
    await using bench = await startGuardBench()
    const effects = effectsOf(bench, () => false)
    const wanted = decision(Date.now(), 'inc_00000001')
    await assert.rejects(effects.impose(wanted), { code: 'FLUXGATE_LEADERSHIP_LOST' })
    await assert.rejects(effects.publishImposed(wanted), { code: 'FLUXGATE_LEADERSHIP_LOST' })
    await assert.rejects(effects.publishOpened(wanted, 'imposed'), { code: 'FLUXGATE_LEADERSHIP_LOST' })
    await assert.rejects(expire(effects, 'ada.k1', wanted.throttle, 1), { code: 'FLUXGATE_LEADERSHIP_LOST' })
    assert.deepEqual([await bench.entries('THROTTLES'), await bench.entries('INCIDENTS')], [[], []])
  })
})
