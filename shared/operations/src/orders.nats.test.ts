import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  eventMaker,
  type GuardPolicy,
  IncidentJoined,
  IncidentOpened,
  type Throttle,
} from '@fluxgate/contracts'
import { DEFAULT_POLICY } from '@fluxgate/guard-core'
import { connectNats, EventPublisher, ensureTopology, type NatsLink, replay } from '@fluxgate/nats'
import { type NatsServer, startNatsServer } from '@fluxgate/testing'
import { ulid } from 'ulid'
import {
  type Actor,
  ADMIN,
  type OrderOutcome,
  type Orders,
  openOrders,
  openPenaltyBox,
  openPolicies,
  openPolicyBook,
  publishDefaultPolicy,
} from './index.ts'

const silent = { info() {}, warn() {}, error() {} }
const OPERATOR: Actor = { name: 'operator:o1', role: 'operator' }
const READER: Actor = { name: 'mcp:reader', role: 'reader' }
const ORDER = { identity: 'u1.k1', capacity: 5, refillRate: 1, seconds: 60, reason: 'a test' }
const make = eventMaker('/test/1', ulid, Date.now)

let server: NatsServer
let link: NatsLink
let publisher: EventPublisher
let orders: Orders

before(async () => {
  server = await startNatsServer()
  link = await connectNats({ url: server.url, name: 'test' }, silent)
  await ensureTopology(link)
  publisher = new EventPublisher(link)
  orders = openOrders({ link, publisher, make, nowMs: Date.now })
})

after(async () => {
  await publisher[Symbol.asyncDispose]()
  await link[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

async function types(stream: string): Promise<string[]> {
  const found: string[] = []
  for await (const { events } of replay(link, { stream, from: 'first' })) {
    found.push(...events.map(({ event }) => event.type.split('.').slice(1).join('.')))
  }
  return found
}

const codeOf = (outcome: OrderOutcome<unknown>) => (outcome.ok ? 'ok' : outcome.error.code)

describe('orders about throttles', () => {
  it('imposes, replaces and pardons a throttle, each with its event', async () => {
    assert.equal(codeOf(await orders.throttle(OPERATOR, ORDER, { dryRun: true })), 'ok')
    const first = await orders.throttle(OPERATOR, ORDER)
    assert.ok(first.ok && first.value.replaced === undefined && first.value.throttle.actor === 'operator:o1')
    const second = await orders.throttle(OPERATOR, { ...ORDER, capacity: 7 })
    assert.ok(second.ok && second.value.replaced?.capacity === 5)
    assert.equal(codeOf(await orders.pardon(OPERATOR, 'u1.k1', 'why', { dryRun: true })), 'ok')
    const pardoned = await orders.pardon(OPERATOR, 'u1.k1', 'why')
    assert.ok(pardoned.ok && pardoned.value.throttle.capacity === 7)
    assert.equal(codeOf(await orders.pardon(OPERATOR, 'u1.k1', 'again')), 'conflict')
    assert.deepEqual(await types('THROTTLES'), [
      'throttles.imposed',
      'throttles.imposed',
      'throttles.pardoned',
    ])
  })

  it('refuses an order when the actor may not give it or a value is invalid', async () => {
    assert.equal(codeOf(await orders.throttle(READER, ORDER)), 'forbidden')
    assert.equal(codeOf(await orders.pardon(READER, 'u1.k1', 'why')), 'forbidden')
    const wrong: ReadonlyArray<Partial<typeof ORDER>> = [
      { identity: 'no dot' },
      { seconds: 0 },
      { seconds: 32 * 86_400 },
      { capacity: -1 },
      { refillRate: Number.NaN },
      { reason: ' ' },
      { reason: 'x'.repeat(257) },
    ]
    for (const change of wrong) {
      assert.equal(codeOf(await orders.throttle(OPERATOR, { ...ORDER, ...change })), 'invalid')
    }
    assert.equal(codeOf(await orders.pardon(OPERATOR, 'nonsense', 'why')), 'not_found')
  })
})

describe('the penalty box', () => {
  it('imposes a throttle once for an incident', async () => {
    const box = openPenaltyBox(link, publisher, make)
    const identity = { user: 'u2', key: 'k2' }
    const throttle: Throttle = {
      capacity: 100,
      refillRate: 10,
      imposedAt: 1_000,
      until: Date.now() + 60_000,
      reason: 'test',
      rule: 'manual',
      actor: 'guard',
      incident: 'inc_abcdefgh',
    }
    const before = (await types('THROTTLES')).length
    await box.impose(identity, throttle)
    await box.impose(identity, throttle)
    assert.deepEqual((await box.get(identity))?.value, throttle)
    assert.equal((await types('THROTTLES')).length, before + 1)
  })
})

describe('orders about incidents', () => {
  const opened = (incident: string) =>
    make(IncidentOpened, {
      incident,
      user: 'u3',
      key: 'k3',
      rule: 'contextFlood',
      severity: 'high',
      explanation: 'test',
      numbers: {},
      evidence: [],
      action: 'observed',
    })

  it('acknowledges an open incident once, then closes it once', async () => {
    const id = 'inc_orders0001'
    assert.equal(codeOf(await orders.acknowledge(OPERATOR, id, 'mine')), 'not_found')
    await publisher.publish(opened(id))
    assert.equal(codeOf(await orders.acknowledge(READER, id, 'mine')), 'forbidden')
    assert.equal(codeOf(await orders.acknowledge(OPERATOR, id, ' ')), 'invalid')
    assert.equal(codeOf(await orders.acknowledge(OPERATOR, id, 'mine', { dryRun: true })), 'ok')
    const acknowledged = await orders.acknowledge(OPERATOR, id, 'mine')
    assert.ok(acknowledged.ok && acknowledged.value.events.length === 2)
    assert.equal(codeOf(await orders.acknowledge(ADMIN, id, 'mine too')), 'conflict')
    assert.equal(codeOf(await orders.close(OPERATOR, id, 'over')), 'ok')
    assert.equal(codeOf(await orders.close(OPERATOR, id, 'over')), 'conflict')
  })

  it('refuses an order about an incident that has become part of another', async () => {
    const id = 'inc_orders0002'
    await publisher.publish(opened(id))
    const joined = { incident: id, user: 'u3', key: 'k3', rule: 'contextFlood', into: 'inc_orders0001' }
    await publisher.publish(make(IncidentJoined, { ...joined, findings: 2 }))
    const outcome = await orders.acknowledge(OPERATOR, id, 'mine')
    assert.ok(!outcome.ok && /part of inc_orders0001/.test(outcome.error.message))
  })
})

describe('policies', () => {
  it('gives the default of guard-core, then the published one, then the stored one', async () => {
    const book = openPolicyBook(link, event => publisher.publish(event), make)
    const policies = openPolicies(link, book)
    assert.deepEqual((await policies.inForce()).policy, DEFAULT_POLICY)
    const given: GuardPolicy = { ...DEFAULT_POLICY, graceMs: 1_000 }
    await publishDefaultPolicy(link, given)
    const published = await policies.inForce()
    assert.deepEqual([published.source, published.policy.graceMs], ['default', 1_000])
    assert.equal(codeOf(await book.change(READER, 'guard', given)), 'forbidden')
    assert.equal(codeOf(await book.change(ADMIN, 'guard', { rules: 'none' })), 'invalid')
    assert.equal(codeOf(await book.change(ADMIN, 'guard', { ...given, graceMs: 2_000 })), 'ok')
    const stored = await policies.inForce()
    assert.deepEqual([stored.source, stored.policy.graceMs], ['stored', 2_000])
    const { changes, defaults } = await policies.page()
    assert.deepEqual([changes[0]?.actor, defaults.graceMs], ['admin', 1_000])
  })
})
