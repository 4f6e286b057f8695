import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { eventMaker, Prices } from '@fluxgate/contracts'
import { EventPublisher, replay } from '@fluxgate/nats'
import { startBench } from '@fluxgate/nats/testing'
import { createIds, createLog } from '@fluxgate/runtime'
import { segmentsUnder, temporaryRoot } from '../spool/test-spool.ts'
import { openNodeSpool, settleLeft } from './node-spool.fs.ts'

/**
 * What a node of the first edition left when it was killed: each event in a record of its own, with a long subject. Three
 * requests of `ann` were admitted, and two of them settled.
 */
const LEFT = join(import.meta.dirname, 'fixtures/first-edition')

it('sends what a node of the first edition left as it was, and ends its requests', async () => {
  await using bench = await startBench()
  using slot = temporaryRoot()
  cpSync(LEFT, join(slot.root, 'gw-old-00000001'), { recursive: true })
  const log = createLog('test', 'silent')
  const newId = createIds()
  const boot = newId()
  const config = { root: slot.root, node: 'gw-new', boot, maxBytes: 16 * 1024 ** 2, fsync: 'off' as const }
  const { spool, left } = await openNodeSpool(
    bench.link,
    config,
    () => [],
    () => {},
    log,
  )
  assert.equal(left.size, 3)
  const source = `/gateway/gw-new/${boot}`
  const publisher = new EventPublisher(bench.link, { batches: { source, newId, partitions: 1 } }, spool)
  const append = (event: Parameters<EventPublisher['append']>[0]) => publisher.append(event)
  const make = eventMaker(source, newId, Date.now)
  const tools = { link: bench.link, make, append, refillRateOf: () => 100, prices: new Prices(), log }
  await settleLeft(left, tools)
  publisher.committed(() => spool.releaseAdopted())
  await publisher.flush()

  const stored = async (stream: string) => {
    const ids: string[] = []
    for await (const batch of replay(bench.link, { stream, from: 'first' }))
      for (const { event } of batch.events) ids.push(event.id)
    return ids
  }
  const old = (...numbers: string[]) => numbers.map(number => `01KFIRSTED00000000000000${number}`)
  assert.deepEqual(await stored('REQUESTS'), [
    ...old('01', '03', '05'),
    ...[1, 2, 3].map(n => `interrupted-req_first_edition_${n}`),
  ])
  assert.deepEqual(await stored('TOKENS'), [...old('02', '04'), 'settled-req_first_edition_3'])
  assert.equal(await publisher.close(), 0)
  assert.deepEqual(segmentsUnder(slot.root), [])
})
