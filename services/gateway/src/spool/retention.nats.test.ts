import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { it } from 'node:test'
import { EventPublisher, ensureTopology, replay } from '@fluxgate/nats'
import { batches, numbered, numberOf, startBench } from '@fluxgate/nats/testing'
import { eventually } from '@fluxgate/testing'
import { open, range, temporaryRoot } from './test-spool.ts'

for (const [form, how, messages] of [
  ['events', {}, 50],
  ['batches', { batches }, 5],
] as const) {
  it(`a server that has lost ${form} that it had just acknowledged gets them again`, async () => {
    await using bench = await startBench()
    using slot = temporaryRoot()
    const { spool } = open(slot.root)
    await using publisher = new EventPublisher(bench.link, { ...how, retainAfterAckMs: 60_000 }, spool)
    for (const i of range(0, 50)) {
      publisher.append(numbered(i))
      if (i % 10 === 9) await publisher.flush()
    }
    assert.equal(publisher.acknowledged, 50)
    // As after a power failure that came before the server's first sync.
    await bench.server.stop('SIGKILL')
    rmSync(bench.server.storeDir, { recursive: true })
    await bench.server.start()
    await eventually(async () => {
      await ensureTopology(bench.link)
      assert.equal((await bench.link.manager.streams.info('TOKENS')).state.messages, messages)
    })
    const stored: number[] = []
    for await (const { events } of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
      for (const { event } of events) stored.push(numberOf(event))
    }
    assert.deepEqual(
      stored.toSorted((a, b) => a - b),
      range(0, 50),
    )
    assert.equal(publisher.acknowledged, 50, 'counted once')
  })
}
