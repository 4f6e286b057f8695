import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OWN_ROOM, SharedRoom } from '@fluxgate/contracts'
import type { Attempt } from './attempt.http.ts'
import { BufferedAnswer } from './buffered-answer.ts'
import { Circuits } from './circuits.ts'
import { Fleet } from './fleet.http.ts'
import { DEFAULT_POLICY } from './routing-policy.ts'
import { planTestEnv } from './test-plan.ts'
import { answering, fakeServer, send } from './test-servers.ts'
import { UsageOption } from './usage-option.ts'

const half = () => 0.5
const KIB = 1024

describe('what is remembered of an upstream', () => {
  it('are the circuits of 1,000 models: beyond it the oldest is forgotten', () => {
    const circuits = new Circuits(DEFAULT_POLICY.circuit)
    const fail = (model: string, times: number) => {
      for (let i = 0; i < times; i++) {
        circuits.failed(circuits.started({ model, caller: 'ann' }), 'away', false, 0, half)
      }
    }
    fail('first', DEFAULT_POLICY.circuit.failures)
    assert.equal(circuits.allows(0, { model: 'first', caller: 'ann' }), false)
    for (let i = 0; i < 999; i++) fail(`model${i}`, 1)
    assert.equal(circuits.allows(0, { model: 'first', caller: 'ann' }), false)
    fail('one more', 1)
    assert.equal(circuits.allows(0, { model: 'first', caller: 'ann' }), true)
  })

  it('are 1,000 models that take the usage option, and as many that do not: the oldest is asked again', () => {
    const option = new UsageOption(true)
    for (let i = 0; i <= 1_000; i++) option.accepted(`good${i}`)
    assert.deepEqual([option.isUnknown('good0'), option.isUnknown('good1')], [true, false])
    for (let i = 0; i <= 1_000; i++) option.refused(`bad${i}`)
    assert.deepEqual([option.isAsked('bad0'), option.isAsked('bad1')], [true, false])
  })

  it('are the routes of 2,000 names of models, and then all are found anew', async () => {
    const deps = { lookup: undefined, nowMs: () => 0, epochMs: () => 0, random: half, room: OWN_ROOM }
    const fleet = new Fleet({ upstreams: [], fallbacks: {}, policy: DEFAULT_POLICY }, deps)
    const first = fleet.routeOf('model0', 'openai')
    for (let i = 1; i < 2_000; i++) fleet.routeOf(`model${i}`, 'openai')
    assert.equal(fleet.routeOf('model0', 'openai'), first, 'remembered')
    fleet.routeOf('one more', 'openai')
    assert.notEqual(fleet.routeOf('model0', 'openai'), first)
    await fleet.destroy()
  })
})

describe('failed answers that are held', () => {
  const buffered = (room: SharedRoom) => new BufferedAnswer({} as Attempt, 503, {}, room)

  it('are given up beyond 64 KiB each, and when all that is held of answers is as much as may be', () => {
    const room = new SharedRoom(100 * KIB)
    const one = buffered(room)
    assert.equal(one.add(Buffer.alloc(64 * KIB)), true)
    assert.equal(one.add(Buffer.alloc(1)), false)
    const two = buffered(room)
    assert.equal(two.add(Buffer.alloc(40 * KIB)), false)
    one.release()
    one.release()
    assert.equal(room.bytes, 0)
    assert.equal(two.add(Buffer.alloc(40 * KIB)), true)
  })

  it('give back their room, whether they are passed on, replaced or left by the client', async () => {
    const room = new SharedRoom(1024 * KIB)
    await using broken = await fakeServer(answering('x'.repeat(50 * KIB), 503))
    const plan = {
      upstreams: [{ name: 'a', url: broken.url }],
      retry: { baseDelayMs: 1, maxDelayMs: 1 },
    }
    await using env = await planTestEnv(plan, {}, { room })
    const outcome = await send(env.upstreams).outcome
    assert.equal(outcome.status, 503)
    assert.ok(broken.bodies.length > 1)
    assert.equal(room.bytes, 0)
  })
})

it('a list of models above 4 MiB is not read', async () => {
  const models = Array.from({ length: 6 }, (_, i) => ({
    id: `m${i}`,
    object: 'model',
    note: 'x'.repeat(1024 * KIB),
  }))
  await using long = await fakeServer(answering(JSON.stringify({ data: models })))
  await using short = await fakeServer(answering(JSON.stringify({ data: models.slice(0, 2) })))
  const plan = {
    upstreams: [
      { name: 'long', url: long.url },
      { name: 'short', url: short.url },
    ],
  }
  await using env = await planTestEnv(plan)
  const ids = (await env.upstreams.listModels('openai')).map(({ id }) => id)
  assert.deepEqual(ids, ['m0', 'm1'])
})
