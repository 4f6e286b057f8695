import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { eventually } from '@fluxgate/testing'
import OpenAI from 'openai'
import { startSimulator } from './simulator.ts'

const simulator = await startSimulator({ latencyMs: 1, tokensPerSecond: 0 })
after(() => simulator[Symbol.asyncDispose]())
const { stats } = simulator
const openai = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'sk', maxRetries: 0 })
const messages = [{ role: 'user' as const, content: 'Go on.' }]

function chat(directives: string, signal?: AbortSignal) {
  return openai.chat.completions.create(
    { model: 'phi4-mini', messages, stream: true },
    { headers: { 'x-simulator': directives }, ...(signal ? { signal } : undefined) },
  )
}

async function collected(directives: string): Promise<string[]> {
  const words: string[] = []
  try {
    for await (const chunk of await chat(directives)) words.push(chunk.choices[0]?.delta.content ?? '')
  } catch (error) {
    words.push(`! ${(error as Error).constructor.name}`)
  }
  return words.filter(word => word !== '')
}

test('latency and rate pace the tokens', async () => {
  const started = performance.now()
  let firstMs = 0
  for await (const _ of await chat('latency=200;rate=100;tokens=30')) firstMs ||= performance.now() - started
  const totalMs = performance.now() - started
  assert.ok(firstMs >= 195 && firstMs < 2_000, `first token after ${firstMs} ms`)
  assert.ok(totalMs >= 480 && totalMs < 4_000, `last token after ${totalMs} ms`)
})

test('a status is answered in the dialect, with its retry-after', async () => {
  await assert.rejects(chat('fail=status:429:7'), (error: InstanceType<typeof OpenAI.APIError>) => {
    assert.equal(error.status, 429)
    assert.equal(error.headers?.get('retry-after'), '7')
    assert.equal(error.type, 'rate_limit_error')
    return true
  })
  const anthropic = await fetch(`${simulator.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-simulator': 'fail=status:529' },
    body: JSON.stringify({ model: 'phi4-mini', max_tokens: 5, messages }),
  })
  assert.deepEqual(await anthropic.json(), {
    type: 'error',
    error: { type: 'overloaded_error', message: 'simulated status 529' },
  })
})

test('a stream is cut off, ends early, tells an error or turns to garbage after its tokens', async () => {
  const failed = stats.failed
  const reset = await collected('fail=reset-after:3')
  assert.equal(reset.length, 4)
  assert.match(reset[3] ?? '', /^! /)
  assert.equal((await collected('fail=end-after:3')).length, 3)
  assert.equal((await collected('fail=error-after:3')).at(-1), '! APIError')
  assert.equal((await collected('fail=garbage-after:2')).at(-1), '! SyntaxError')
  assert.equal(stats.failed, failed + 4)
})

test('JSON answers break too', async () => {
  const whole = (directives: string) =>
    openai.chat.completions.create(
      { model: 'phi4-mini', messages },
      { headers: { 'x-simulator': directives } },
    )
  await assert.rejects(whole('fail=reset-after:3'))
  await assert.rejects(whole('fail=end-after:3'), SyntaxError)
  await assert.rejects(whole('fail=garbage'), SyntaxError)
  await assert.rejects(whole('fail=error'), { status: 500 })
})

test('a client that leaves stops the answer, and hanging ends with it', async () => {
  const { cancelled } = stats
  const leaving = new AbortController()
  const stream = await chat('rate=50;tokens=10000', leaving.signal)
  let words = 0
  for await (const _ of stream) if (++words === 5) leaving.abort()
  await eventually(() => stats.cancelled === cancelled + 1 && stats.active === 0, { timeoutMs: 500 })
  const { tokensOut } = stats
  await new Promise(done => setTimeout(done, 100))
  assert.equal(stats.tokensOut, tokensOut)

  const waiting = new AbortController()
  const hung = chat('fail=hang', waiting.signal)
  await eventually(() => stats.active === 1)
  waiting.abort()
  await assert.rejects(hung)
  await eventually(() => stats.cancelled === cancelled + 2 && stats.active === 0)
})

test('a slow reader holds the writer back', async () => {
  const reply = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'phi4-mini#tokens=200000', messages, stream: true, max_tokens: 200_000 }),
  })
  const before = stats.tokensOut
  await new Promise(done => setTimeout(done, 500))
  assert.ok(stats.tokensOut - before < 150_000, `${stats.tokensOut - before} tokens left without a reader`)
  await reply.body?.cancel()
  await eventually(() => stats.active === 0)
})

test('an unknown directive is refused; stats are served', async () => {
  await assert.rejects(chat('fail=nothing'), { status: 400 })
  await assert.rejects(chat('speed=3'), { status: 400 })
  const seen = (await (await fetch(`${simulator.url}/simulator/stats`)).json()) as typeof stats
  assert.equal(seen.last?.path, '/v1/chat/completions')
  assert.equal(seen.active, 0)
})
