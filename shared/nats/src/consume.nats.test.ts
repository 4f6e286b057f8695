import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { type ConsumeOptions, consume, done, later, poison } from './consume.ts'
import { DEAD_LETTER_HEADERS } from './dead-letter.ts'
import { EventPublisher } from './publisher.ts'
import { numbered, numberOf, startBench, type TestBench } from './test-bench.ts'

const options: ConsumeOptions = { stream: 'TOKENS', durable: 'worker', concurrency: 4, ackWaitMs: 3_000 }

async function waiting(bench: TestBench): Promise<number> {
  const info = await bench.link.manager.consumers.info('TOKENS', 'worker')
  return info.num_pending + info.num_ack_pending
}

describe('consume', () => {
  it('tries again what asked for later, and what threw, until it is done', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const attempts: string[] = []
    await using _consuming = consume(bench.link, options, ({ event }, attempt) => {
      attempts.push(`${numberOf(event)}/${attempt}`)
      if (attempt === 1) return Promise.resolve(later(50))
      if (attempt === 2) return Promise.reject(new Error('still not'))
      if (attempt === 3) throw new Error('thrown before there is a promise')
      return Promise.resolve(done)
    })
    await publisher.publish(numbered(5))
    await eventually(() => assert.deepEqual(attempts, ['5/1', '5/2', '5/3', '5/4']))
    await eventually(async () => assert.equal(await waiting(bench), 0))
  })

  it('buries poison and what cannot be read, and gives up in the end', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const seen: number[] = []
    await using consuming = consume(bench.link, { ...options, maxAttempts: 3 }, async ({ event }) => {
      const number = numberOf(event)
      if (number === 1) return poison('number one')
      if (number === 2) return later(10)
      seen.push(number)
      return done
    })
    await publisher.publish(numbered(1))
    await publisher.publish(numbered(2))
    await bench.link.jetstream.publish('fluxgate.tokens.00.settled.u.k', 'rubbish')
    await publisher.publish(numbered(3))
    await eventually(() => assert.equal(consuming.buried, 3), { timeoutMs: 15_000 })
    await eventually(async () => assert.equal(await waiting(bench), 0))
    assert.deepEqual(seen, [3])
    const reasons = new Map<string, string>()
    for (let seq = 1; seq <= 3; seq++) {
      const letter = await bench.link.manager.streams.getMessage('DEADLETTER', { seq })
      reasons.set(
        letter.header.get(DEAD_LETTER_HEADERS.sequence),
        letter.header.get(DEAD_LETTER_HEADERS.reason),
      )
    }
    assert.equal(reasons.get('1'), 'number one')
    assert.equal(reasons.get('2'), 'gave up after 3 attempts')
    assert.match(reasons.get('3') ?? '', /not JSON/)
  })

  it('handles every event when the server is killed and restarted in the middle', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const seen = new Set<number>()
    await using _consuming = consume(bench.link, options, async ({ event }) => {
      await new Promise(resolve => setTimeout(resolve, 2))
      seen.add(numberOf(event))
      return done
    })
    for (let i = 0; i < 600; i++) publisher.append(numbered(i))
    await eventually(() => assert.ok(seen.size > 50))
    await bench.server.stop('SIGKILL')
    await bench.server.start()
    await eventually(() => assert.equal(seen.size, 600), { timeoutMs: 30_000 })
    await eventually(async () => assert.equal(await waiting(bench), 0), { timeoutMs: 15_000 })
  })

  it('keeps long work from being given to another', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    let attempts = 0
    await using _consuming = consume(bench.link, { ...options, ackWaitMs: 600 }, async () => {
      attempts++
      // Twice as long as the server waits for an acknowledgement.
      await new Promise(resolve => setTimeout(resolve, 1_300))
      return done
    })
    await publisher.publish(numbered(1))
    await eventually(async () => assert.equal(await waiting(bench), 0), { timeoutMs: 10_000 })
    assert.equal(attempts, 1)
  })

  it('starts again when its durable is deleted under it', async () => {
    await using bench = await startBench()
    await using publisher = new EventPublisher(bench.link)
    const seen: number[] = []
    await using _consuming = consume(bench.link, options, async ({ event }) => {
      seen.push(numberOf(event))
      return done
    })
    await publisher.publish(numbered(1))
    await eventually(() => assert.deepEqual(seen, [1]))
    await bench.link.manager.consumers.delete('TOKENS', 'worker')
    await publisher.publish(numbered(2))
    await eventually(() => assert.ok(seen.includes(2)), { timeoutMs: 15_000 })
  })
})
