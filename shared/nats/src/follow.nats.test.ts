import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { DEAD_LETTER_HEADERS } from './dead-letter.ts'
import { follow, replay } from './follow.ts'
import { EventPublisher } from './publisher.ts'
import { numbered, numberOf, startBench } from './test-bench.ts'

const count = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('follow', () => {
  it('gives every event once and in order while the server is killed and restarted', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const seen: number[] = []
    await using _following = follow(
      bench.link,
      { name: 't', stream: 'TOKENS', from: 'first', maxBatch: 100 },
      async batch => {
        for (const { event } of batch.events) seen.push(numberOf(event))
        await new Promise(resolve => setTimeout(resolve, 2))
      },
    )
    for (const i of count(3_000)) publisher.append(numbered(i))
    await publisher.flush()
    await eventually(() => assert.ok(seen.length > 500))
    await bench.server.stop('SIGKILL')
    await bench.server.start()
    for (let i = 3_000; i < 4_000; i++) publisher.append(numbered(i))
    await eventually(() => assert.equal(seen.length, 4_000), { timeoutMs: 30_000 })
    assert.deepEqual(seen.slice(0, 3_000), count(3_000))
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      count(4_000),
    )
  })

  it('gives the same batch again until the handler succeeds', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const attempts: number[] = []
    const seen: number[] = []
    await using following = follow(
      bench.link,
      { name: 't', stream: 'TOKENS', from: 'first' },
      async batch => {
        attempts.push(batch.lastSequence)
        if (attempts.length <= 2) throw new Error('not yet')
        for (const { event } of batch.events) seen.push(numberOf(event))
      },
    )
    await publisher.publish(numbered(7))
    await publisher.publish(numbered(8))
    await eventually(() => assert.deepEqual(seen, [7, 8]))
    assert.equal(attempts[0], attempts[1])
    assert.equal(following.retries, 2)
  })

  it('reads a stream that was made anew from its first message, and tells its caller before', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const seen: Array<number | 'anew'> = []
    await using _following = follow(
      bench.link,
      {
        name: 't',
        stream: 'TOKENS',
        from: 'first' as const,
        onAnew: () => {
          seen.push('anew')
        },
      },
      async batch => {
        for (const { event } of batch.events) seen.push(numberOf(event))
      },
    )
    for (const i of [1, 2, 3]) await publisher.publish(numbered(i))
    await eventually(() => assert.deepEqual(seen, [1, 2, 3]))
    const { config } = await bench.link.manager.streams.info('TOKENS')
    await bench.link.manager.streams.delete('TOKENS')
    await bench.link.manager.streams.add(config)
    for (const i of [4, 5]) await publisher.publish(numbered(i))
    await eventually(() => assert.deepEqual(seen, [1, 2, 3, 'anew', 4, 5]))
  })

  it('buries what cannot be read, with its reason, and goes on', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const seen: number[] = []
    let position = 0
    await using following = follow(
      bench.link,
      { name: 'reader', stream: 'TOKENS', from: 'first' },
      async batch => {
        position = batch.lastSequence
        for (const { event } of batch.events) seen.push(numberOf(event))
      },
    )
    await publisher.publish(numbered(1))
    await bench.link.jetstream.publish('fluxgate.tokens.00.settled.u.k', 'rubbish\n')
    await bench.link.jetstream.publish('fluxgate.tokens.00.settled.u.k', '{"type":"fluxgate.tokens.melted"}')
    await publisher.publish(numbered(2))
    await eventually(() => assert.deepEqual([seen, position], [[1, 2], 4]))
    assert.equal(following.buried, 2)
    const letter = await bench.link.manager.streams.getMessage('DEADLETTER', { seq: 1 })
    assert.equal(letter.subject, 'fluxgate.deadletter.TOKENS')
    assert.equal(new TextDecoder().decode(letter.data), 'rubbish\n')
    assert.match(letter.header.get(DEAD_LETTER_HEADERS.reason), /not JSON/)
    assert.equal(letter.header.get(DEAD_LETTER_HEADERS.sequence), '2')
    assert.equal(letter.header.get(DEAD_LETTER_HEADERS.consumer), 'reader')
  })

  it('begins at a sequence, a time, or the end', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    for (const i of count(10)) await publisher.publish(numbered(i))
    await new Promise(resolve => setTimeout(resolve, 20))
    const midMs = Date.now()
    for (let i = 10; i < 20; i++) await publisher.publish(numbered(i))
    const from = async (position: Parameters<typeof replay>[1]['from'], filter?: string) => {
      const numbers: number[] = []
      const options = { stream: 'TOKENS', from: position, ...(filter ? { filter } : {}) }
      for await (const batch of replay(bench.link, options))
        numbers.push(...batch.events.map(e => numberOf(e.event)))
      return numbers
    }
    assert.deepEqual(await from({ sequence: 16 }), [15, 16, 17, 18, 19])
    assert.deepEqual(await from({ timeMs: midMs }), count(20).slice(10))
    assert.deepEqual(await from('new'), [])
    assert.deepEqual(await from('first', 'fluxgate.tokens.*.settled.user3.k1'), [3])
    assert.deepEqual(await from('first', 'fluxgate.tokens.*.settled.nobody.>'), [])
    assert.deepEqual(await from({ sequence: 1_000 }), [])
  })

  it('asks for no more than a slow handler takes', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    for (const i of count(2_000)) publisher.append(numbered(i))
    await publisher.flush()
    let release = () => {}
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    await using _following = follow(
      bench.link,
      { name: 't', stream: 'TOKENS', from: 'first', maxBatch: 10, maxBuffered: 100 },
      () => held,
    )
    await eventually(async () => {
      const consumers = await bench.link.manager.consumers.list('TOKENS').next()
      assert.ok((consumers[0]?.delivered.stream_seq ?? 0) > 0)
    })
    await new Promise(resolve => setTimeout(resolve, 200))
    const [consumer] = await bench.link.manager.consumers.list('TOKENS').next()
    assert.ok(consumer!.delivered.stream_seq <= 210, `delivered ${consumer!.delivered.stream_seq}`)
    release()
  })
})
