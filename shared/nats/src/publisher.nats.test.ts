import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { replay } from './follow.ts'
import { EventPublisher } from './publisher.ts'
import { batches, numbered, numberOf, startBench, type TestBench } from './test-bench.ts'
import { topology } from './topology.ts'

async function stored(bench: TestBench): Promise<number[]> {
  const numbers: number[] = []
  for await (const batch of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
    for (const { event } of batch.events) numbers.push(numberOf(event))
  }
  return numbers
}

/** Messages of TOKENS. */
async function messages({ link }: TestBench): Promise<number> {
  return (await link.manager.streams.info('TOKENS')).state.messages
}

const count = (n: number) => Array.from({ length: n }, (_, i) => i)

for (const [form, how] of [
  ['messages of their own', {}],
  ['batches', { batches }],
] as const) {
  describe(`the publisher of ${form}`, () => {
    it('stores each event once and in order, within a bounded window', async () => {
      await using bench = await startBench()
      await using publisher = new EventPublisher(bench.link, { ...how, maxOutstanding: 100 })
      for (const i of count(5_000)) publisher.append(numbered(i))
      assert.equal(publisher.buffered, 5_000)
      await publisher.flush()
      assert.equal(publisher.buffered, 0)
      assert.deepEqual(await stored(bench), count(5_000))
    })

    it('batches events when asked to, and sends them by one write', async () => {
      await using bench = await startBench()
      let writes = 0
      const link = {
        ...bench.link,
        write: (commands: Uint8Array) => {
          writes++
          bench.link.write(commands)
        },
      }
      await using publisher = new EventPublisher(link, { ...how, gatherMs: 1_000 })
      for (const i of count(20)) {
        publisher.append(numbered(i))
        await new Promise(setImmediate)
      }
      await publisher.flush()
      assert.equal(writes, 1)
      assert.deepEqual(await stored(bench), count(20))
    })

    it('reads acknowledgements itself, after a reconnect as before', async () => {
      await using bench = await startBench()
      // What else the connection brings would be counted too.
      await using publisher = new EventPublisher(bench.link, {
        ...how,
        askEndsEveryMs: Number.POSITIVE_INFINITY,
      })
      const { protocol } = bench.link.connection as unknown as { protocol: { inMsgs: number } }
      const readByClient = async (from: number) => {
        const before = protocol.inMsgs
        for (const i of count(100)) publisher.append(numbered(from + i))
        await publisher.flush()
        return protocol.inMsgs - before
      }
      assert.equal(await readByClient(0), 0)
      await bench.server.stop('SIGKILL')
      await eventually(() => assert.match(publisher.fault ?? '', /disconnected/))
      await bench.server.start()
      await eventually(async () => assert.equal(await readByClient(1_000 * publisher.acknowledged), 0))
    })

    it('says where an event was stored', async () => {
      await using bench = await startBench()
      await using publisher = new EventPublisher(bench.link, how)
      const event = numbered(1)
      assert.deepEqual(await publisher.publish(event), { stream: 'TOKENS', sequence: 1, duplicate: false })
      const again = form === 'batches' ? { sequence: 2, duplicate: false } : { sequence: 1, duplicate: true }
      assert.deepEqual(await publisher.publish(event), { stream: 'TOKENS', ...again })
    })

    it('loses and doubles nothing when the server is killed and restarted in the middle', async () => {
      await using bench = await startBench()
      await using publisher = new EventPublisher(bench.link, { ...how, maxOutstanding: 64 })
      const total = 4_000
      let next = 0
      const feeding = setInterval(() => {
        for (let i = 0; i < 50 && next < total; i++) publisher.append(numbered(next++))
      }, 10)
      await eventually(() => assert.ok(publisher.acknowledged > 200))
      await bench.server.stop('SIGKILL')
      await eventually(() => assert.match(publisher.fault ?? '', /disconnected/))
      await bench.server.start()
      await eventually(() => assert.equal(next, total), { timeoutMs: 20_000 })
      clearInterval(feeding)
      await publisher.flush()
      assert.equal(publisher.fault, undefined)
      const numbers = await stored(bench)
      assert.equal(numbers.length, total)
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        count(total),
      )
    })

    it('keeps an event that a full stream refuses, tells, and stores it when there is room', async () => {
      await using bench = await startBench()
      const wanted = topology({ replicas: 1, storageBytes: 8 * 1024 ** 3 }).find(
        config => config.name === 'TOKENS',
      )!
      const { streams } = bench.link.manager
      await streams.update('TOKENS', { ...wanted, max_bytes: 4_096, discard: 'new' as never })
      const publisher = new EventPublisher(bench.link, { ...how, maxBuffered: 40 })
      for (const i of count(50)) publisher.append(numbered(i))
      await eventually(() => assert.match(publisher.fault ?? '', /maximum bytes exceeded/))
      assert.equal(publisher.full, true, 'callers are asked to refuse new work')
      await streams.update('TOKENS', { ...wanted, discard: 'new' as never })
      await publisher.flush()
      assert.equal(publisher.fault, undefined)
      assert.deepEqual(
        (await stored(bench)).toSorted((a, b) => a - b),
        count(50),
      )
      assert.equal(await publisher.close(), 0)
    })

    it('keeps an event that no stream takes, and tells how many were left when it is closed', async () => {
      await using bench = await startBench()
      const publisher = new EventPublisher(bench.link, how)
      const { event } = numbered(1)
      publisher.append({ subject: 'elsewhere.tokens', event })
      await eventually(() => assert.match(publisher.fault ?? '', /no stream answered/))
      assert.equal(await publisher.close(300), 1)
    })
  })
}

describe('batches', () => {
  it('join what several turns bring until they are sent, and no more than 512 events', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link, { batches, gatherMs: 500 })
    for (const i of count(20)) {
      publisher.append(numbered(i))
      await new Promise(setImmediate)
    }
    await eventually(() => assert.equal(publisher.acknowledged, 20))
    assert.equal(await messages(bench), 1)
    for (const i of count(1_100)) publisher.append(numbered(20 + i))
    await eventually(() => assert.equal(publisher.acknowledged, 1_120))
    assert.equal(await messages(bench), 4)
    assert.deepEqual(await stored(bench), count(1_120))
  })

  it('leave out events of other sources and those that several publish', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link, { batches })
    const { subject, event } = numbered(1)
    publisher.append({ subject, event: { ...event, source: '/other' } })
    publisher.append({ subject, event: { ...event, id: 'crossing-0000000001' }, hasOwnId: true })
    publisher.append(numbered(2))
    await publisher.flush()
    assert.equal(await messages(bench), 3)
    const ids: string[] = []
    for await (const { events } of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
      ids.push(...events.map(each => each.event.id))
    }
    assert.ok(ids.includes('crossing-0000000001') && ids.includes(event.id))
  })
})
