import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, utimesSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  connectNats,
  DEFAULT_TOPOLOGY,
  EventPublisher,
  eventsIn,
  findStored,
  readStreamEnds,
  replay,
  type StoredQuery,
  type StreamEnds,
  topology,
} from '@fluxgate/nats'
import { batches, numbered, numberOf, silent, startBench, type TestBench } from '@fluxgate/nats/testing'
import { eventually, startNatsServer } from '@fluxgate/testing'
import { die, open, range, segmentsUnder, temporaryRoot } from './test-spool.ts'

async function stored(bench: TestBench): Promise<number[]> {
  const numbers: number[] = []
  for await (const batch of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
    for (const { event } of batch.events) numbers.push(numberOf(event))
  }
  return numbers
}

/** A server whose streams forget copies after so long. */
async function benchWithWindow(windowMs: number): Promise<TestBench> {
  const bench = await startBench()
  const wanted = topology(DEFAULT_TOPOLOGY).find(config => config.name === 'TOKENS')!
  await bench.link.manager.streams.update('TOKENS', { ...wanted, duplicate_window: windowMs * 1e6 })
  return bench
}

for (const [form, how] of [
  ['messages of their own', {}],
  ['batches', { batches }],
] as const) {
  describe(`a publisher with a spool, of ${form}`, () => {
    it('holds 50,000 events on disk while NATS is away, in bounded memory, and stores them in order', async () => {
      await using bench = await startBench()
      using slot = temporaryRoot()
      const { spool } = open(slot.root)
      const publisher = new EventPublisher(bench.link, how, spool)
      const warm = 1_000
      for (const i of range(0, warm)) publisher.append(numbered(i))
      await publisher.flush()
      await bench.server.stop('SIGKILL')
      await eventually(() => assert.match(publisher.fault ?? '', /disconnected/))
      collectGarbage()
      const before = process.memoryUsage()
      const total = warm + 50_000
      let committed = 0
      for (let from = warm; from < total; from += 500) {
        for (const i of range(from, from + 500)) publisher.append(numbered(i))
        publisher.committed(() => {
          committed += 500
        })
        await sleep(1)
      }
      await eventually(() => assert.equal(committed, 50_000))
      assert.equal(publisher.full, false)
      assert.equal(publisher.buffered, 50_000)
      collectGarbage()
      const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers
      // The queue's events, and one buffer to write from; all 50,000 would be more than 25 MB.
      assert.ok(grown < 12 * 1024 ** 2, `${grown} bytes more`)
      await bench.server.start()
      await publisher.flush()
      assert.deepEqual(await stored(bench), range(0, total))
      assert.equal(await publisher.close(), 0)
      assert.deepEqual(segmentsUnder(slot.root), [])
    })

    it('doubles nothing after a restart, though the stream has forgotten the copies', async () => {
      await using bench = await benchWithWindow(500)
      using slot = temporaryRoot()
      using killed = temporaryRoot()
      const publisher = new EventPublisher(bench.link, how, open(slot.root).spool)
      for (const i of range(0, 300)) publisher.append(numbered(i))
      await new Promise<void>(resolve => publisher.committed(resolve))
      // As a process leaves it that is killed now: all sent, and nobody knows of an acknowledgement.
      cpSync(slot.root, killed.root, { recursive: true })
      die(killed.root)
      await publisher.flush()
      await publisher.close()
      await sleep(1_000)

      const { spool, adopted } = open(killed.root)
      const [dead] = adopted
      assert.equal(
        dead!.uncertain.reduce((sum, record) => sum + eventsIn(record), 0),
        300,
      )
      spool.skip(await findStored(bench.link, dead!.uncertain, dead!.ends))
      await using next = new EventPublisher(bench.link, how, spool)
      for (const i of range(300, 400)) next.append(numbered(i))
      await next.flush()
      assert.equal(spool.figures.alreadyStored, 300)
      assert.deepEqual(await stored(bench), range(0, 400))
    })

    it('doubles nothing when its clock is wrong and the stream got events long after their last write', async t => {
      await using bench = await benchWithWindow(500)
      using slot = temporaryRoot()
      using killed = temporaryRoot()
      const realMs = Date.now()
      t.mock.method(Date, 'now', () => realMs + 300_000)
      const { spool: first } = open(slot.root)
      first.recordEnds(await readStreamEnds(bench.link))
      const publisher = new EventPublisher(bench.link, how, first)
      for (const i of range(0, 300)) publisher.append(numbered(i))
      await publisher.flush()
      cpSync(slot.root, killed.root, { recursive: true })
      die(killed.root)
      for (const segment of segmentsUnder(killed.root)) utimesSync(segment, 1, 1)
      await publisher.close()
      t.mock.reset()
      await sleep(1_000)

      const { spool, adopted } = open(killed.root)
      const [dead] = adopted
      assert.equal(dead!.ends?.TOKENS?.sequence, 0)
      spool.skip(await findStored(bench.link, dead!.uncertain, dead!.ends))
      await using next = new EventPublisher(bench.link, how, spool)
      await next.flush()
      assert.deepEqual(await stored(bench), range(0, 300))
    })

    it('reads no more of a stream than what came after the ends that it knew', async () => {
      await using bench = await startBench()
      await using publisher = new EventPublisher(bench.link)
      for (const i of range(0, 20)) await publisher.publish(numbered(i))
      const ends = await readStreamEnds(bench.link)
      for (const i of range(20, 30)) await publisher.publish(numbered(i))
      const sought: StoredQuery[] = []
      for await (const { events } of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
        for (const { subject, event } of events) sought.push({ subject, id: event.id, part: undefined })
      }
      const numbersFound = async (known: StreamEnds | undefined) =>
        [...(await findStored(bench.link, sought, known)).values()].map(({ sequence }) => sequence)
      assert.deepEqual(await numbersFound(ends), range(21, 31))
      assert.deepEqual(await numbersFound(undefined), range(1, 31))
      const { TOKENS } = ends
      assert.deepEqual(
        await numbersFound({ TOKENS: { ...TOKENS!, created: 'before NATS lost its disk' } }),
        range(1, 31),
        'another stream of that name',
      )
      await bench.link.manager.streams.delete('TOKENS')
      assert.deepEqual(await numbersFound(ends), [], 'none has been made yet')
    })

    it('doubles nothing when the connection broke before the acknowledgements, for longer than a stream remembers', async t => {
      const realNow = Date.now
      t.mock.method(Date, 'now', () => realNow() + 300_000)
      await using bench = await benchWithWindow(300)
      await using wire = await startWire(bench.server.port)
      await using link = await connectNats({ url: wire.url, name: 'deaf' }, silent)
      await using publisher = new EventPublisher(link, { ...how, lookUpAfterMs: 500, ackTimeoutMs: 60_000 })
      await publisher.publish(numbered(0))
      wire.deaf = true
      const total = 500
      for (const i of range(1, total)) publisher.append(numbered(i))
      await eventually(async () => assert.equal((await stored(bench)).length, total))
      wire.cut()
      assert.equal(publisher.acknowledged, 1)
      await sleep(1_500)
      wire.mend()
      await publisher.flush()
      assert.equal(publisher.acknowledged, total)
      assert.deepEqual(await stored(bench), range(0, total))
    })

    it('tells of a stream that is full, and goes on when there is room', async () => {
      // JetStream's own limit, below the disk's size: 2.9.10 hangs on a full disk, and answers 10023 at its limit.
      const maxFileBytes = 4 * 1024 ** 2
      await using server = await startNatsServer({ maxFileBytes })
      await using link = await connectNats({ url: server.url, name: 'test' }, silent)
      const stream = { name: 'TOKENS', subjects: ['fluxgate.tokens.>'], duplicate_window: 30e9 }
      await link.manager.streams.add(stream)
      using slot = temporaryRoot()
      await using publisher = new EventPublisher(link, how, open(slot.root).spool)
      const total = 30_000
      let committed = 0
      for (let from = 0; from < total; from += 500) {
        for (const i of range(from, from + 500)) publisher.append(numbered(i))
        publisher.committed(() => {
          committed += 500
        })
        await sleep(1)
      }
      await eventually(() => assert.match(publisher.fault ?? '', /insufficient resources|10023|maximum/))
      assert.equal(committed, total, 'the spool goes on taking events')
      assert.equal(publisher.full, false)
      await eventually(
        async () => {
          await link.manager.streams.purge('TOKENS')
          assert.equal(publisher.buffered, 0)
        },
        { timeoutMs: 30_000 },
      )
      assert.equal(publisher.fault, undefined)
      assert.equal(publisher.acknowledged, total)
    })
  })
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

/** A wire to a server that can be cut, and that can keep the server's answers back. */
async function startWire(port: number) {
  const sockets = new Set<Socket>()
  let broken = false
  const wire = createServer(client => {
    if (broken) {
      client.destroy()
      return
    }
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        server.destroy()
        sockets.delete(socket)
      })
    }
    client.pipe(server)
    server.on('data', data => handle.deaf || client.write(data))
  })
  wire.listen(0, '127.0.0.1')
  await once(wire, 'listening')
  const cut = () => {
    broken = true
    for (const socket of sockets) socket.destroy()
  }
  const handle = {
    url: `nats://127.0.0.1:${(wire.address() as AddressInfo).port}`,
    deaf: false,
    cut,
    mend() {
      handle.deaf = false
      broken = false
    },
    async [Symbol.asyncDispose]() {
      cut()
      wire.close()
    },
  }
  return handle
}
