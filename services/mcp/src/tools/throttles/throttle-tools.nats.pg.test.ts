import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BUCKETS, jsonParser, STREAMS, type StoredEvent, Throttle } from '@fluxgate/contracts'
import { Bucket, replay } from '@fluxgate/nats'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { callTool, startBench, type TestBench } from '../../test-bench.ts'

describe('tools about throttles', () => {
  let bench: TestBench
  let client: Client
  let box: Bucket<Throttle>
  before(async () => {
    bench = await startBench()
    client = await bench.client()
    box = new Bucket(bench.link, BUCKETS.throttles, jsonParser(Throttle))
  })
  after(() => bench[Symbol.asyncDispose]())

  const throttle = (until: number): Throttle => ({
    capacity: 100,
    refillRate: 10,
    imposedAt: Date.now(),
    until,
    reason: 'too many tokens',
    rule: 'context_flood',
    actor: 'guard',
  })

  async function facts(stream: string): Promise<StoredEvent[]> {
    const found: StoredEvent[] = []
    for await (const { events } of replay(bench.link, { stream, from: 'first' })) found.push(...events)
    return found
  }

  test('a pardon lifts the throttle at once and its fact is in the log', async () => {
    await box.put('u2.k2', throttle(Date.now() + 60_000))
    const listed = await callTool(client, 'list_throttles', { identity: 'u2.k2' })
    assert.equal((listed.data.throttles as unknown[]).length, 1, listed.text)

    const dry = await callTool(client, 'pardon_identity', { identity: 'u2.k2', reason: 'look', dryRun: true })
    assert.equal(dry.data.pardoned, false)
    assert.ok(await box.get('u2.k2'))

    const done = await callTool(client, 'pardon_identity', { identity: 'u2.k2', reason: 'a test of ours' })
    assert.equal(done.data.pardoned, true, done.text)
    assert.equal(await box.get('u2.k2'), undefined)
    const [fact] = (await facts(STREAMS.throttles)).map(({ event }) => event)
    assert.equal(fact?.type, 'fluxgate.throttles.pardoned')
    const data = fact?.data as Record<string, unknown>
    assert.deepEqual(
      [data.user, data.key, data.actor, data.reason],
      ['u2', 'k2', 'mcp:operator', 'a test of ours'],
    )

    const again = await callTool(client, 'pardon_identity', { identity: 'u2.k2', reason: 'again' })
    assert.ok(again.isError)
    assert.match(again.text, /not throttled.*list_throttles/)
  })

  test('a throttle is set, recorded as an event, and replaces the one before', async () => {
    const order = { identity: 'u3.k3', capacity: 5, refillRate: 1, seconds: 60, reason: 'floods us' }
    const dry = await callTool(client, 'throttle_identity', { ...order, dryRun: true })
    assert.deepEqual([dry.data.throttled, await box.get('u3.k3')], [false, undefined])
    const first = await callTool(client, 'throttle_identity', order)
    assert.deepEqual([first.data.throttled, first.data.replaced, first.data.hasTraffic], [true, null, false])
    assert.match(first.text, /see that the id is right/)
    const second = await callTool(client, 'throttle_identity', { ...order, capacity: 7 })
    assert.equal((second.data.replaced as Throttle).capacity, 5)
    const { value } = (await box.get('u3.k3'))!
    assert.deepEqual([value.capacity, value.actor, value.rule], [7, 'mcp:operator', 'manual'])
    assert.ok(value.until - value.imposedAt === 60_000)
    const imposed = (await facts(STREAMS.throttles)).filter(({ event }) => event.type.endsWith('imposed'))
    assert.equal(imposed.length, 2)
  })

  test('the list of throttles pages through the bucket, and leaves out what has ended', async () => {
    const now = Date.now()
    for (let n = 0; n < 5; n++) await box.put(`page.k${n}`, { ...throttle(now + 60_000), imposedAt: now + n })
    await box.put('page.ended', throttle(now - 1))
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await callTool(client, 'list_throttles', { limit: 2, ...(cursor && { cursor }) })
      seen.push(...(page.data.throttles as Array<{ identity: string }>).map(({ identity }) => identity))
      cursor = page.data.nextCursor as string | undefined
    } while (cursor)
    assert.deepEqual(
      seen.filter(identity => identity.startsWith('page.')),
      ['page.k4', 'page.k3', 'page.k2', 'page.k1', 'page.k0'],
    )
    const bad = await callTool(client, 'list_throttles', { cursor: 'nonsense' })
    assert.ok(bad.isError && /cursor/.test(bad.text))
  })
})
