import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Prices } from '@fluxgate/contracts'
import { KEY, startTestEnv, type TestEnv, type Upstream } from './test-proxy.ts'

/** An upstream that answers every call with this. */
const answering =
  (body: object, status = 200): Upstream =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }

async function ask(env: TestEnv, path = '/v1/chat/completions', body: object = {}): Promise<Response> {
  const response = await fetch(env.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'asked',
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 20,
      ...body,
    }),
  })
  await response.arrayBuffer()
  return response
}

const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }

// What the stand appends must be what every reader accepts: it throws otherwise.
describe('what an upstream reports', () => {
  it('is ignored when no call can have used so much, and is stored as it came', async () => {
    for (const tokens of [4e9, Number.MAX_SAFE_INTEGER]) {
      const reported = { prompt_tokens: tokens, completion_tokens: tokens }
      await using env = await startTestEnv(answering({ model: 'm', usage: reported }))
      await ask(env)
      const [settled] = env.named('tokens.settled')
      assert.equal(settled!.data.source, 'estimated')
      assert.ok(settled!.data.total < 200, `${settled!.data.total}`)
      const left = env.deps.limits.tokensLeft(performance.now())['u1.k1'] ?? 0
      assert.ok(left > 4_000, `${left} tokens are left`)
    }
  })

  it('fails a request, and settles nothing, when its status is none of HTTP’s classes', async () => {
    await using env = await startTestEnv(answering({ model: 'm', usage }, 799))
    assert.equal((await ask(env)).status, 502)
    assert.equal(env.named('requests.failed')[0]!.data.status, 502)
    assert.equal(env.named('tokens.settled')[0]!.data.total, 0)
  })

  it('is cut where it is longer than an event holds', async () => {
    await using env = await startTestEnv(answering({ model: 'm'.repeat(5_000), usage }))
    await ask(env)
    const [completed] = env.named('requests.completed')
    assert.ok((completed!.data.answered ?? '').length <= 256)
    assert.equal(env.named('tokens.settled')[0]!.data.total, 110)
  })

  it('is stored as the vendor sent it, reduced to its numbers when it is large', async () => {
    const large = { ...usage, notes: 'x'.repeat(10_000), cost: 0.25 }
    await using env = await startTestEnv(answering({ model: 'm', usage: large }))
    await ask(env)
    const [settled] = env.named('tokens.settled')
    assert.deepEqual(JSON.parse(settled!.data.raw ?? ''), { ...usage, cost: 0.25 })
    assert.equal(settled!.data.vendor, 'openai-chat')
  })
})

describe('a call that another model answers', () => {
  it('names both models in its events, and is paid at the price of the one that answered', async () => {
    const prices = new Prices()
    prices.setList({ models: { asked: { input: 1, output: 1 }, 'answering*': { input: 5, output: 7 } } })
    await using env = await startTestEnv(answering({ model: 'answering-2026-01-01', usage }), { prices })
    await ask(env)
    const [completed] = env.named('requests.completed')
    const [settled] = env.named('tokens.settled')
    assert.deepEqual([completed!.data.model, completed!.data.answered], ['asked', 'answering-2026-01-01'])
    assert.deepEqual([settled!.data.model, settled!.data.answered], ['asked', 'answering-2026-01-01'])
    assert.equal(settled!.data.costMicros, 100 * 5 + 10 * 7)
  })

  it('is paid at the price of the one asked for when the list has none for the one that answered', async () => {
    const prices = new Prices()
    prices.setList({ models: { asked: { input: 1, output: 2 } } })
    await using env = await startTestEnv(answering({ model: '/models/asked.gguf', usage }), { prices })
    await ask(env)
    assert.equal(env.named('tokens.settled')[0]!.data.costMicros, 100 + 20)
  })

  it('has an entry for each model that billed it, and their sum', async () => {
    const iterations = [
      { type: 'message', input_tokens: 100, output_tokens: 10 },
      { type: 'advisor_message', model: 'advisor', input_tokens: 30, output_tokens: 40 },
    ]
    const prices = new Prices()
    prices.setList({ models: { asked: { input: 1, output: 2 }, advisor: { input: 10, output: 100 } } })
    const answer = {
      type: 'message',
      model: 'asked',
      usage: { input_tokens: 100, output_tokens: 10, iterations },
    }
    await using env = await startTestEnv(answering(answer), { prices })
    await ask(env, '/v1/messages')
    const [settled] = env.named('tokens.settled')
    const { models, usage: sum, total, costMicros } = settled!.data
    assert.deepEqual(models, [
      { model: 'asked', usage: { input: 100, output: 10 }, costMicros: 120 },
      { model: 'advisor', usage: { input: 30, output: 40 }, costMicros: 4_300 },
    ])
    assert.deepEqual([sum, total, costMicros], [{ input: 130, output: 50 }, 180, 4_420])
  })
})

describe('a rerank', () => {
  it('is settled at what is reported as its total or in its meta', async () => {
    const meta = { billed_units: { search_units: 1 }, tokens: { input_tokens: 260 } }
    for (const answer of [{ usage: { total_tokens: 260 } }, { meta }]) {
      await using env = await startTestEnv(answering({ results: [], ...answer }))
      await ask(env, '/v1/rerank', { messages: undefined, query: 'q', documents: ['a'] })
      const [settled] = env.named('tokens.settled')
      assert.deepEqual([settled!.data.total, settled!.data.source], [260, 'reported'])
    }
  })

  it('is counted by its query and documents when nothing is reported', async () => {
    const asked: Array<{ prompt: boolean; answer: boolean }> = []
    await using env = await startTestEnv(answering({ results: [{ index: 0 }] }), {
      count(ask, done) {
        asked.push({ prompt: ask.body !== undefined, answer: ask.answer !== undefined })
        done({ prompt: 31, completion: 0 })
      },
    })
    await ask(env, '/v1/rerank', { messages: undefined, query: 'q', documents: ['a', 'b'] })
    const [settled] = env.named('tokens.settled')
    assert.deepEqual([settled!.data.usage, settled!.data.source], [{ input: 31, output: 0 }, 'counted'])
    assert.deepEqual(asked, [{ prompt: true, answer: false }])
  })
})

describe('a call that generates nothing', () => {
  it('settles no tokens when it counts or moderates, whatever its answer says', async () => {
    for (const [path, answer] of [
      ['/v1/messages/count_tokens', { input_tokens: 5_005 }],
      ['/v1/responses/input_tokens', { object: 'response.input_tokens', input_tokens: 5_005 }],
      ['/v1/moderations', { model: 'omni-moderation', results: [] }],
    ] as const) {
      await using env = await startTestEnv(answering(answer))
      assert.equal((await ask(env, path, { input: 'x'.repeat(20_000) })).status, 200)
      assert.equal(env.named('tokens.settled')[0]!.data.total, 0, path)
      assert.equal(env.named('requests.completed').length, 1)
    }
  })
})
