import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { EventPublisher, replay } from '@fluxgate/nats'
import { numbered, numberOf, startBench } from '@fluxgate/nats/testing'
import { eventually } from '@fluxgate/testing'
import { open, range, segmentsUnder, temporaryRoot } from './test-spool.ts'

describe('a commit', () => {
  it('is one write for all that a turn of the event loop has brought, before its callbacks run', async () => {
    await using bench = await startBench()
    using slot = temporaryRoot()
    const { spool } = open(slot.root)
    await using publisher = new EventPublisher(bench.link, {}, spool)
    for (const turn of range(0, 5)) {
      const events = range(turn * 100, turn * 100 + 100).map(numbered)
      const onDisk = Promise.withResolvers<Buffer>()
      for (const event of events) {
        publisher.append(event)
        publisher.committed(() => onDisk.resolve(readFileSync(segmentsUnder(slot.root)[0]!)))
      }
      assert.equal(spool.figures.commits, turn, 'nothing is written before the end of the turn')
      const disk = await onDisk.promise
      for (const { event } of events) assert.ok(disk.includes(event.id), 'on disk before the first callback')
      assert.equal(spool.figures.commits, turn + 1)
    }
  })

  it('waits for one sync with all that was written meanwhile, where commits are synced', async () => {
    await using bench = await startBench()
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { fsync: 'commit' })
    await using publisher = new EventPublisher(bench.link, {}, spool)
    const order: number[] = []
    for (const turn of range(0, 50)) {
      publisher.append(numbered(turn))
      publisher.committed(() => order.push(turn))
      await new Promise(setImmediate)
    }
    await eventually(() => assert.deepEqual(order, range(0, 50)))
    assert.equal(spool.figures.uncertain, 0)
  })
})

describe('an event that is not acknowledged', () => {
  it('is sent again after 500 ms under the same id, then after twice as long each time, and stored once', async () => {
    await using bench = await startBench()
    using slot = temporaryRoot()
    await using publisher = new EventPublisher(bench.link, {}, open(slot.root).spool)
    await publisher.publish(numbered(0))
    // A server that hangs: the connection stands, and nobody answers.
    await bench.server.pause()
    try {
      const startedMs = performance.now()
      for (const i of range(1, 21)) publisher.append(numbered(i))
      await eventually(() => assert.ok(publisher.resent >= 20))
      assert.ok(performance.now() - startedMs >= 500, 'not before its time')
      await eventually(() => assert.ok(publisher.resent >= 60))
      const waits = Math.log2((performance.now() - startedMs) / 500) + 2
      assert.ok(publisher.resent <= 20 * waits, `${publisher.resent} copies of 20 events`)
      assert.equal(publisher.acknowledged, 1)
    } finally {
      bench.server.resume()
    }
    await publisher.flush()
    const stored: number[] = []
    for await (const { events } of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
      for (const { event } of events) stored.push(numberOf(event))
    }
    assert.deepEqual(stored, range(0, 21))
  })
})
