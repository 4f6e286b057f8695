import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { type FloodReport, flood } from './flood.ts'
import { CALL_TOKENS, call, type Limit, type LimitedNodes, type Node, startNodes } from './nodes.ts'

/** Three gateway processes that share nothing but a nats-server, and one identity that all of them limit. */
let cluster: LimitedNodes
let one: Node
let two: Node
let three: Node

before(async () => {
  cluster = await startNodes(3)
  ;[one, two, three] = cluster.nodes as [Node, Node, Node]
})
after(() => cluster?.[Symbol.asyncDispose]())

/** On a busy machine a process may stand still for longer than the gossip's interval: then a flood is made again, for longer. */
const FLOODS_MS = [3_000, 6_000, 12_000]

async function assertBounded(user: string, limit: Limit, capacity: number): Promise<void> {
  const reported: FloodReport[] = []
  for (const [i, forMs] of FLOODS_MS.entries()) {
    const { key } = await cluster.newKey(`${user}-${i}`, limit)
    const report = await flood(cluster.nodes, key, limit, { callers: 8, forMs })
    reported.push(report)
    // Nodes that did not share what they let through would let through the capacity of each.
    assert.ok(report.excess < capacity, JSON.stringify(reported))
    if (report.refused > 0 && report.admitted >= capacity && report.excess <= report.bound) return
  }
  assert.fail(`no flood met the limit and stayed within its bound: ${JSON.stringify(reported)}`)
}

const leftAtAll = (identity: string) => Promise.all(cluster.nodes.map(node => cluster.left(node, identity)))

describe('three nodes and one identity', () => {
  it('let a flood have its tokens once, within the stated bound', async () => {
    // Little enough to be used up on a machine that is busy with other things.
    const limit = { capacity: 10_000, refill_rate: 500 }
    await assertBounded('flood', limit, limit.capacity)
  })

  it('let a flood have its requests once, within the stated bound', async () => {
    const limit = { capacity: 1e9, refill_rate: 1e9, requests_per_minute: 300 }
    await assertBounded('requests', limit, limit.requests_per_minute)
  })

  it('count streams together, and give the places back', async () => {
    const { key } = await cluster.newKey('streams', {
      capacity: 1e9,
      refill_rate: 0,
      concurrent_streams: 3,
    })
    const open = async (node: Node) => {
      const { statusCode, headers, body } = await node.api.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: '{"model":"m","stream":true}',
      })
      return { statusCode, headers, body }
    }
    const streams = []
    for (const node of [one, one, two]) streams.push(await open(node))
    assert.deepEqual(
      streams.map(each => each.statusCode),
      [200, 200, 200],
    )
    await eventually(async () => {
      const { statusCode, headers, body } = await open(three)
      if (statusCode !== 429) body.on('error', () => {}).destroy()
      assert.equal(statusCode, 429)
      assert.match(await body.text(), /streams_limit_exceeded/)
      assert.equal(headers['retry-after'], '1')
    })
    for (const { body } of streams) body.on('error', () => {}).destroy()
    await eventually(async () => {
      const { statusCode, body } = await open(three)
      body.on('error', () => {}).destroy()
      assert.equal(statusCode, 200)
    })
  })

  it('limit on what they know while one is cut off, and agree exactly when it is back', async () => {
    const capacity = 10_000
    const { key, identity } = await cluster.newKey('partition', { capacity, refill_rate: 0 })
    const admit = async (node: Node, calls: number): Promise<void> => {
      for (let i = 0; i < calls; i++) assert.equal(await call(node, key), 200)
    }
    await admit(one, 5)
    await admit(three, 5)
    await eventually(async () => {
      assert.deepEqual(await leftAtAll(identity), [9_000, 9_000, 9_000])
    })

    three.wire.cut()
    await admit(one, 10)
    await admit(two, 5)
    await admit(three, 20)
    await eventually(async () => {
      assert.deepEqual(await leftAtAll(identity), [7_500, 7_500, 7_000], 'each side knows its own')
    })
    // The side that is cut off has what it knows of the capacity, and no more.
    await admit(three, 70)
    assert.equal(await call(three, key), 429)

    three.wire.mend()
    const spent = (10 + 15 + 90) * CALL_TOKENS
    await eventually(async () => {
      const left = capacity - spent
      assert.deepEqual(await leftAtAll(identity), [left, left, left])
    })
    for (const node of cluster.nodes) assert.equal(await call(node, key), 429)
    // What has healed stays healed: nothing is told a second time.
    await new Promise(resolve => setTimeout(resolve, 2_500))
    const left = capacity - spent
    assert.deepEqual(await leftAtAll(identity), [left, left, left])
  })

  it('tell a node that joins what has been spent, before it takes calls', async () => {
    const { key, identity } = await cluster.newKey('join', { capacity: 1_000, refill_rate: 0 })
    for (const node of [one, one, two, three]) assert.equal(await call(node, key), 200)
    await eventually(async () => assert.deepEqual(await leftAtAll(identity), [600, 600, 600]))
    const joined = await cluster.add()
    assert.equal(await cluster.left(joined, identity), 600)
    for (let i = 0; i < 6; i++) assert.equal(await call(joined, key), 200)
    assert.equal(await call(joined, key), 429)
    await eventually(async () => assert.deepEqual(await leftAtAll(identity), [0, 0, 0, 0]))
  })

  it('take a changed tier up within a second and without a restart, less what was spent', async () => {
    const tier = { capacity: 1_000, refill_rate: 0, requests_per_minute: 100 }
    const put = await cluster.order('PUT', '/admin/tiers/small', tier)
    assert.ok(put.ok, `${put.status}`)
    const made = await cluster.order('POST', '/admin/keys/generate', { user_id: 'hot', tier: 'small' })
    const { key } = (await made.json()) as { key: string }
    assert.equal(await call(one, key), 200)
    const changes: Array<[capacity: number, left: string]> = [
      [5_000, '4900'],
      [50, '0'],
      [1_000, '950'],
    ]
    for (const [capacity, left] of changes) {
      const startedMs = performance.now()
      await cluster.order('PUT', '/admin/tiers/small', { ...tier, capacity })
      for (const node of cluster.nodes) {
        await eventually(async () => {
          // A list of models costs no tokens, so that it shows the level as it is.
          const { headers, body } = await node.api.request({
            method: 'GET',
            path: '/v1/models',
            headers: { authorization: `Bearer ${key}` },
          })
          await body.dump()
          assert.equal(headers['x-ratelimit-limit-tokens'], String(capacity))
          assert.equal(headers['x-ratelimit-remaining-tokens'], left)
        })
      }
      const tookMs = performance.now() - startedMs
      assert.ok(tookMs < 10_000, `${Math.round(tookMs)} ms`)
    }
  })

  it('end the streams of an identity that is throttled so, and no others', async () => {
    const limit = { capacity: 1e9, refill_rate: 0 }
    const { key, identity } = await cluster.newKey('midway', limit)
    const other = await cluster.newKey('bystander', limit)
    const open = async (node: Node, bearer: string) => {
      const { statusCode, body } = await node.api.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
        body: '{"model":"m","stream":true}',
      })
      assert.equal(statusCode, 200)
      return body
    }
    const streams = await Promise.all(cluster.nodes.map(node => open(node, key)))
    const bystander = await open(one, other.key)
    const answer = await cluster.order('POST', '/admin/throttle', {
      identifier: identity,
      capacity: 0,
      refill_rate: 0,
      seconds: 600,
      end_streams: true,
      reason: 'enough',
    })
    assert.equal(answer.status, 200)
    for (const body of streams) {
      assert.match(await body.text(), /^data: \{"choices".*\n\ndata: \{"error":\{.*"throttled".*\}\}\n\n$/s)
    }
    for (const node of cluster.nodes) assert.equal(await call(node, key), 429)
    assert.equal(bystander.readableEnded, false)
    assert.equal(bystander.destroyed, false)
    bystander.on('error', () => {}).destroy()
  })
})
