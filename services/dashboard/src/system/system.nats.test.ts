import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { TokensSettled } from '@fluxgate/contracts'
import { buryEvent, consume, done, replay } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import { ApiClient } from '../test/api-client.ts'
import { DEVELOPER, logIn, OPERATOR, startTestEnv, type TestEnv } from '../test/test-env.ts'
import type { DeadLetterPage, SystemView } from './answers.ts'

let testEnv: TestEnv
let api: ApiClient
const silent = new AbortController().signal

before(async () => {
  testEnv = await startTestEnv()
  api = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
})
after(() => testEnv?.[Symbol.asyncDispose]())

function settled(request: string, id?: string) {
  return testEnv.make(
    TokensSettled,
    {
      request,
      user: 'u_a',
      key: 'k_1',
      tier: 'free',
      refillRate: 100,
      model: 'm',
      upstream: 'up',
      usage: { input: 1, output: 2 },
      total: 3,
      reserved: 3,
      progressed: 0,
      source: 'reported' as const,
    },
    id === undefined ? {} : { id },
  )
}

async function ids(stream: string): Promise<string[]> {
  const found: string[] = []
  for await (const { events } of replay(testEnv.link, { stream, from: 'first' })) {
    found.push(...events.map(({ event }) => event.id))
  }
  return found
}

/** An event in the log, and a dead letter about it, as a consumer leaves one. */
async function bury(id: string, reason: string): Promise<number> {
  const { subject, event } = settled(`request_${id}`, id)
  const ack = await testEnv.link.jetstream.publish(subject, JSON.stringify(event), { msgID: id })
  await buryEvent(testEnv.link, 'reporter', { stream: 'TOKENS', sequence: ack.seq }, reason, silent)
  return ack.seq
}

/** The stream's window of duplicates, made short: else a copy that is half a minute old would be dropped. */
async function forgetDuplicatesSoon(): Promise<void> {
  const { config } = await testEnv.link.manager.streams.info('TOKENS')
  await testEnv.link.manager.streams.update('TOKENS', { ...config, duplicate_window: 100_000_000 })
}

describe('system route', () => {
  it('returns streams, consumers and their lag', async () => {
    await using _consumer = consume(
      testEnv.link,
      { stream: 'TOKENS', durable: 'slow-one', concurrency: 1 },
      async () => done,
    )
    await testEnv.publisher.publish(settled('request_1'))
    const system = await eventually(async () => {
      const view = await api.read<SystemView>('/api/system')
      assert.equal(view.consumers?.find(({ name }) => name === 'slow-one')?.pending, 0)
      return view
    })
    const tokens = system.streams?.find(({ stream }) => stream === 'TOKENS')
    assert.ok(tokens && tokens.messages >= 1 && tokens.bytes > 100 && tokens.maxBytes > 0)
    assert.equal(system.deadLetters, 0)
  })

  it('reports that the throttle bucket needs room when automatic throttles are dropped', async () => {
    const { streams } = testEnv.link.manager
    const needy = async () =>
      (await api.read<SystemView>('/api/system')).streams?.filter(each => each.needsRoom)
    assert.deepEqual(await needy(), [])
    await testEnv.link.jetstream.publish('$KV.throttles._filler', 'x'.repeat(10_000))
    const { config, state } = await streams.info('KV_throttles')
    await streams.update('KV_throttles', { ...config, max_bytes: Math.ceil(state.bytes * 1.4) })
    await eventually(async () =>
      assert.deepEqual(
        (await needy())?.map(({ stream }) => stream),
        ['KV_throttles'],
      ),
    )
    await streams.update('KV_throttles', config)
    await eventually(async () => assert.deepEqual(await needy(), []))
  })

  it('returns upstreams with health and circuit for each gateway', async () => {
    const { gateways } = await api.read<SystemView>('/api/system')
    assert.deepEqual(
      gateways?.map(({ error, upstreams }) => [error, upstreams.map(each => [each.name, each.circuit])]),
      [
        [
          null,
          [
            ['ollama-a', 'closed'],
            ['ollama-b', 'open'],
          ],
        ],
      ],
    )
  })

  it('refuses developers', async () => {
    const dave = new ApiClient(testEnv, await logIn(testEnv, DEVELOPER.email))
    for (const path of ['/api/system', '/api/dead-letters', '/api/metrics', '/api/users', '/api/shadowed']) {
      assert.equal((await dave.get(path)).status, 403, path)
    }
    assert.equal((await dave.order('/api/dead-letters/1/replay', { reason: 'r' })).status, 403)
  })
})

describe('dead letter routes', () => {
  it("list dead letters and replay each once under its own id, with the operator's name", async () => {
    await forgetDuplicatesSoon()
    const original = await bury('event-one-00000001', 'gave up after 100 attempts')
    await new Promise(resolve => setTimeout(resolve, 300))
    const { items } = await api.read<DeadLetterPage>('/api/dead-letters')
    assert.partialDeepStrictEqual(items[0], {
      reason: 'gave up after 100 attempts',
      consumer: 'reporter',
      stream: 'TOKENS',
      original,
      event: 'event-one-00000001',
      replayed: null,
    })
    await eventually(async () => assert.equal((await api.read<SystemView>('/api/system')).deadLetters, 1))
    const path = `/api/dead-letters/${items[0]!.sequence}/replay`
    const answers = await Promise.all([
      api.order(path, { reason: 'the model is back' }),
      api.order(path, { reason: 'the model is back' }),
    ])
    // Both saw no copy yet: the stream's own window of duplicates then keeps one.
    assert.ok(answers.some(({ status }) => status === 200))
    assert.equal((await api.order(path, { reason: 'again' })).status, 409)
    assert.deepEqual(
      (await ids('TOKENS')).filter(id => id === 'event-one-00000001'),
      ['event-one-00000001', 'event-one-00000001'],
      'the original and its copy',
    )
    const after = await api.read<DeadLetterPage>('/api/dead-letters')
    assert.partialDeepStrictEqual(after.items[0]?.replayed, {
      by: `operator:${OPERATOR.id}`,
      reason: 'the model is back',
    })
    await eventually(async () =>
      assert.equal((await api.read<SystemView>('/api/system')).deadLetters, 0, 'none waits for anybody'),
    )
    const facts: string[] = []
    const filter = 'fluxgate.auth.*.letter_replayed.>'
    for await (const { events } of replay(testEnv.link, { stream: 'AUTH', filter, from: 'first' })) {
      for (const { event } of events) {
        if (event.type === 'fluxgate.auth.letter_replayed') facts.push(event.data.actor)
      }
    }
    assert.deepEqual(facts, [`operator:${OPERATOR.id}`])
  })

  it('replay a dead letter again when an earlier replay was interrupted', async () => {
    await bury('event-two-00000001', 'r')
    await new Promise(resolve => setTimeout(resolve, 300))
    const [letter] = (await api.read<DeadLetterPage>('/api/dead-letters')).items
    const path = `/api/dead-letters/${letter!.sequence}/replay`
    assert.equal((await api.order(path, { reason: 'r' })).status, 200)
    // As if the process had died between the claim and the copy.
    const { seq } = await testEnv.link.manager.streams.getMessage('TOKENS', {
      last_by_subj: settled('x').subject,
    })
    await testEnv.link.manager.streams.deleteMessage('TOKENS', seq)
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.equal((await api.order(path, { reason: 'r' })).status, 200)
    assert.equal((await api.order(path, { reason: 'r' })).status, 409)
  })

  it('list dead letters that are no events, and refuse to replay them', async () => {
    const { subject } = settled('x')
    const ack = await testEnv.link.jetstream.publish(subject, 'not JSON')
    await buryEvent(testEnv.link, 'projection', { stream: 'TOKENS', sequence: ack.seq }, 'no JSON', silent)
    const [letter] = (await api.read<DeadLetterPage>('/api/dead-letters')).items
    assert.partialDeepStrictEqual(letter, { event: null, body: 'not JSON', reason: 'no JSON' })
    const answer = await api.order(`/api/dead-letters/${letter!.sequence}/replay`, { reason: 'r' })
    assert.equal(answer.status, 400)
    assert.equal((await api.order('/api/dead-letters/999/replay', { reason: 'r' })).status, 404)
    assert.equal(
      (await api.order(`/api/dead-letters/${letter!.sequence}/replay`, { reason: '' })).status,
      400,
    )
  })
})
