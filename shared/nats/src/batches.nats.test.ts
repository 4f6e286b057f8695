import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  BATCH_HEADERS,
  callerFilter,
  encodeLine,
  type FluxgateEvent,
  positionText,
  type StoredEvent,
  schemasOf,
} from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { messageHeaders } from './append.ts'
import { DEAD_LETTER_HEADERS } from './dead-letter.ts'
import { type EventBatch, follow, replay, replayStored, replayWhole } from './follow.ts'
import { EventPublisher } from './publisher.ts'
import { messageOf } from './stored-message.ts'
import { batches, numbered, numberOf, startBench, type TestBench } from './test-bench.ts'

/** Five events as the first edition stored them, then a batch of three with a line that is none, then one of two. */
async function fill({ link }: TestBench): Promise<void> {
  await using publisher = new EventPublisher(link)
  for (let i = 0; i < 5; i++) await publisher.publish(numbered(i))
  const line = (i: number) => `${encodeLine(numbered(i).event)}\n`
  await publishBatch(link, 'batch-of-the-test-1', `${line(5)}${line(6)}{"type":"nothing"}\n${line(7)}`)
  await publishBatch(link, 'batch-of-the-test-2', `${line(8)}${line(9)}`)
}

function publishBatch(link: TestBench['link'], id: string, text: string) {
  const headers = messageHeaders({
    [BATCH_HEADERS.id]: id,
    [BATCH_HEADERS.source]: '/test/1',
    [BATCH_HEADERS.schemas]: schemasOf('tokens'),
  })
  return link.jetstream.publish('fluxgate.tokens.0', text, { msgID: id, headers })
}

const texts = (events: readonly StoredEvent[]) => events.map(positionText)

describe('a stream with messages of the first edition and batches', () => {
  let bench: TestBench
  before(async () => {
    bench = await startBench()
    await fill(bench)
  })
  after(() => bench[Symbol.asyncDispose]())

  it('is replayed event by event, each with its position', async () => {
    const events: StoredEvent[] = []
    for await (const batch of replay(bench.link, { stream: 'TOKENS', from: 'first' }))
      events.push(...batch.events)
    assert.deepEqual(
      events.map(({ event }) => numberOf(event)),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    )
    assert.deepEqual(texts(events).slice(4), [
      ...['TOKENS:5', 'TOKENS:6.0', 'TOKENS:6.1', 'TOKENS:6.3', 'TOKENS:7.0', 'TOKENS:7.1'],
    ])
    assert.equal(events[6]!.event.id, 'batch-of-the-test-1-1')
    let unreadable = 0
    for await (const messages of replayStored(bench.link, { stream: 'TOKENS', from: 'first' })) {
      for (const message of messages) if (!message.parse().ok) unreadable++
    }
    assert.equal(unreadable, 1)
    let whole = 0
    for await (const messages of replayWhole(bench.link, { stream: 'TOKENS', from: 'first' }))
      whole += messages.length
    assert.equal(whole, 7)
  })

  it('is filtered by what the subject of each event would be, and ends where it ends', async () => {
    const found = async (filter: string, from: 'first' | { sequence: number } = 'first') => {
      const numbers: number[] = []
      for await (const { events } of replay(bench.link, { stream: 'TOKENS', filter, from }))
        numbers.push(...events.map(({ event }) => numberOf(event)))
      return numbers
    }
    assert.deepEqual(await found(callerFilter('tokens', { user: 'user6' })), [6])
    assert.deepEqual(await found(callerFilter('tokens', { user: 'user3', key: 'k1', kind: 'settled' })), [3])
    assert.deepEqual(await found(callerFilter('tokens', { user: 'user3', kind: 'progressed' })), [])
    assert.deepEqual(await found(callerFilter('tokens', { user: 'nobody' })), [])
    assert.deepEqual(await found(callerFilter('tokens', { kind: 'settled' }), { sequence: 7 }), [8, 9])
    assert.deepEqual(await found(callerFilter('tokens', { user: 'user6' }), { sequence: 7 }), [])
  })

  it('finds the event at a position', async () => {
    const at = async (index?: number) => {
      const place = { stream: 'TOKENS', sequence: 6, ...(index === undefined ? {} : { index }) }
      const found = await messageOf(bench.link, place)
      return found?.parsed.ok ? numberOf(found.parsed.value) : found?.parsed
    }
    assert.deepEqual([await at(), await at(0), await at(3)], [5, 5, 7])
    assert.deepEqual(await at(2), { ok: false, reason: 'unknown event type "nothing"' })
    assert.equal(await at(4), undefined)
  })

  it('makes a dead letter of the one event that cannot be read, and hands over its neighbours', async () => {
    const handed: EventBatch[] = []
    await using following = follow(
      bench.link,
      { stream: 'TOKENS', name: 'reader', from: 'first' },
      async batch => {
        handed.push(batch)
      },
    )
    await eventually(() => assert.equal(handed.at(-1)?.lastSequence, 7))
    assert.equal(handed.flatMap(batch => batch.events).length, 10)
    assert.equal(following.buried, 1)
    const letter = await bench.link.manager.streams.getMessage('DEADLETTER', { seq: 1 })
    const header = (name: keyof typeof DEAD_LETTER_HEADERS) => letter.header.get(DEAD_LETTER_HEADERS[name])
    assert.deepEqual([header('stream'), header('sequence'), header('index')], ['TOKENS', '6', '2'])
    assert.deepEqual(JSON.parse(letter.string()), {
      specversion: '1.0',
      id: 'batch-of-the-test-1-2',
      source: '/test/1',
      type: 'nothing',
    })
  })
})

describe('a reader', () => {
  it('takes no more than a mebibyte at once, however many events a message holds', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link, { batches })
    for (let i = 0; i < 20_000; i++) publisher.append(numbered(i))
    await publisher.flush()
    const sizes: number[] = []
    const events: FluxgateEvent[] = []
    for await (const batch of replay(bench.link, { stream: 'TOKENS', from: 'first' })) {
      sizes.push(batch.events.length)
      events.push(...batch.events.map(({ event }) => event))
    }
    assert.deepEqual(
      events.map(numberOf),
      Array.from({ length: 20_000 }, (_, i) => i),
    )
    assert.ok(Math.max(...sizes) <= 1024 ** 2 / 200, `${Math.max(...sizes)} events at once`)
  })
})
