import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectNats } from '@fluxgate/nats'
import { eventually, type NatsServer, startNatsServer } from '@fluxgate/testing'
import { joinGossip } from './gossip.nats.ts'
import { LimitTable } from './limit-table.ts'

const INTERVAL_MS = 10
const CAPACITY = 10_000
const ALICE = 'alice.k1'
const STILL = { tiers: { free: { capacity: CAPACITY, refillRate: 0 } }, identities: {} }
const nowMs = () => performance.now()

let server: NatsServer
before(async () => {
  server = await startNatsServer()
})
after(() => server?.[Symbol.asyncDispose]())

async function startNode(node: string, boot = `${node}-1`) {
  await using stack = new AsyncDisposableStack()
  const warnings: string[] = []
  const log = { info() {}, error() {}, warn: (_fields: object, message: string) => warnings.push(message) }
  const link = stack.use(await connectNats({ url: server.url, name: node }, log))
  const table = new LimitTable()
  table.setPolicy(STILL, nowMs())
  const gossip = stack.use(await joinGossip(link, { node, boot }, table, nowMs, INTERVAL_MS))
  const owned = stack.move()
  return {
    link,
    table,
    warnings,
    figures: () => gossip.figures(),
    leave: () => gossip[Symbol.asyncDispose](),
    spend: (tokens: number) =>
      assert.ok(table.admit(ALICE, 'free', tokens, false, undefined, nowMs(), Date.now()).ok),
    left: () => table.knownOf(ALICE, 'free', nowMs()).tokens.level(nowMs()),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

it('nodes share what is spent, and one that joins begins with it', async () => {
  await using one = await startNode('one')
  await using two = await startNode('two')
  one.spend(100)
  two.spend(20)
  await eventually(() => assert.deepEqual([one.left(), two.left()], [CAPACITY - 120, CAPACITY - 120]))
  await using late = await startNode('late')
  assert.equal(late.left(), CAPACITY - 120, 'known when joining has resolved')
  assert.equal(late.figures().joinedWith, 2)
  assert.ok(one.figures().answered + two.figures().answered >= 2, 'to the second and to the third')
  assert.ok(one.figures().sent > 0 && one.figures().received > 0)
  late.spend(3)
  await eventually(() => assert.deepEqual([one.left(), two.left()], [CAPACITY - 123, CAPACITY - 123]))
})

it('a node asks for the frames that a restarted server lost', async () => {
  await using one = await startNode('one')
  await using two = await startNode('two')
  one.spend(100)
  await eventually(() => assert.equal(two.left(), CAPACITY - 100))
  await server.stop('SIGKILL')
  one.spend(10)
  two.spend(1)
  await sleep(5 * INTERVAL_MS)
  await server.start()
  await eventually(() => assert.deepEqual([one.left(), two.left()], [CAPACITY - 111, CAPACITY - 111]))
  await eventually(() => {
    for (const { asked, healed, peers, behind } of [one.figures(), two.figures()]) {
      assert.ok(asked >= healed && healed >= 1)
      assert.deepEqual([peers, behind], [1, 0])
    }
  })
})

it('an unreadable frame is logged and ignored, and a peer that does not answer is asked again', async () => {
  await using one = await startNode('one')
  for (const text of ['', 'no frame', '{"node":"x","boot":"x","seq":-1,"rows":[]}']) {
    one.link.connection.publish('fluxgate.gossip.debits', text)
  }
  await eventually(() => {
    assert.equal(one.warnings.filter(each => each === 'gossip cannot be read').length, 3)
  })
  assert.equal(one.figures().unreadable, 3)
  const row = { id: ALICE, tier: 'free', busy: 1, tokens: 5, requests: 1, streams: 0 }
  const frame = (seq: number) => JSON.stringify({ node: 'mute', boot: 'mute-1', seq, rows: [row] })
  for (const seq of [7, 8]) {
    one.link.connection.publish('fluxgate.gossip.debits', frame(seq))
    await eventually(() => {
      const asked = one.warnings.filter(each => each.startsWith('gossip was missed')).length
      assert.equal(asked, seq - 6)
    })
  }
  assert.equal(one.left(), CAPACITY - 10, 'what came counts')
})
