import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import OpenAI from 'openai'
import { startSimulator } from './simulator.ts'
import { countTokens } from './tokens.ts'

const simulator = await startSimulator({ latencyMs: 1, tokensPerSecond: 0 })
after(() => simulator[Symbol.asyncDispose]())
const openai = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'sk_upstream', maxRetries: 0 })
const messages = [{ role: 'user' as const, content: 'What does an event log hold?' }]
const model = 'phi4-mini'

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string', maxLength: 40 },
        days: { type: 'integer', minimum: 1, maximum: 7 },
      },
      required: ['city', 'days'],
    },
  },
}

test('a chat answer is the same for the same prompt, and its usage counts its words', async () => {
  const first = await openai.chat.completions.create({ model, messages })
  const second = await openai.chat.completions.create({ model, messages })
  const text = first.choices[0]?.message.content ?? ''
  assert.match(text, /^Simulated answer to "What does an event log hold\?":/)
  assert.equal(text, second.choices[0]?.message.content)
  assert.equal(first.usage?.completion_tokens, countTokens(text))
  assert.equal(first.usage?.prompt_tokens, 7)
  assert.equal(first.usage?.total_tokens, 7 + countTokens(text))
  assert.equal(first.choices[0]?.finish_reason, 'stop')
  assert.equal(simulator.stats.last?.headers.authorization, 'Bearer sk_upstream')
})

test('a stream opens with the role, ends with the reason, and tells usage only when asked', async () => {
  const stream = await openai.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  const chunks = await Array.fromAsync(stream)
  assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant')
  assert.ok(chunks.slice(0, -1).every(chunk => chunk.usage === null))
  assert.deepEqual(chunks.at(-1)?.choices, [])
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'stop')
  const text = chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')
  assert.equal(chunks.at(-1)?.usage?.completion_tokens, countTokens(text))
  const whole = await openai.chat.completions.create({ model, messages })
  assert.equal(whole.choices[0]?.message.content, text)

  const plain = await Array.fromAsync(await openai.chat.completions.create({ model, messages, stream: true }))
  assert.ok(plain.every(chunk => !('usage' in chunk)))
  assert.equal(plain.at(-1)?.choices[0]?.finish_reason, 'stop')
})

test('limits cut the answer and n multiplies it', async () => {
  const short = await openai.chat.completions.create({ model, messages, max_completion_tokens: 5, n: 3 })
  assert.equal(short.choices.length, 3)
  assert.ok(short.choices.every(choice => choice.finish_reason === 'length'))
  assert.equal(short.usage?.completion_tokens, 15)
  const legacy = await openai.chat.completions.create({ model, messages, max_tokens: 7 })
  assert.equal(legacy.usage?.completion_tokens, 7)
  const stopped = await openai.chat.completions.create({ model, messages, stop: ['":'] })
  assert.equal(stopped.choices[0]?.message.content, 'Simulated answer to "What does an event log hold?')
})

test('a required tool is called with arguments that fit its schema, whole and streamed', async () => {
  const whole = await openai.chat.completions.create({
    model,
    messages,
    tools: [weather],
    tool_choice: 'required',
  })
  const call = whole.choices[0]?.message.tool_calls?.[0]
  assert.ok(call?.type === 'function')
  const asked = JSON.parse(call.function.arguments) as { city: string; days: number }
  assert.ok(asked.city.length <= 40 && asked.days >= 1 && asked.days <= 7)
  assert.equal(whole.choices[0]?.finish_reason, 'tool_calls')

  const streamed = openai.chat.completions.stream({
    model,
    messages,
    tools: [weather],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
  })
  const message = await streamed.finalMessage()
  const same = message.tool_calls?.[0]
  assert.ok(same?.type === 'function')
  assert.equal(same.function.arguments, call.function.arguments)

  const free = await openai.chat.completions.create({ model, messages, tools: [weather] })
  assert.equal(free.choices[0]?.message.tool_calls, undefined)
})

test('a JSON schema shapes the answer', async () => {
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] }
  const shaped = await openai.chat.completions.create({
    model,
    messages,
    response_format: { type: 'json_schema', json_schema: { name: 'ok', schema } },
  })
  assert.deepEqual(JSON.parse(shaped.choices[0]?.message.content ?? ''), { ok: false })
})

test('legacy completions, whole and streamed', async () => {
  const whole = await openai.completions.create({ model, prompt: ['one', 'two'] })
  assert.equal(whole.choices.length, 2)
  assert.equal(whole.usage?.completion_tokens, 32)
  const stream = await openai.completions.create({ model, prompt: 'one', stream: true, max_tokens: 500 })
  const chunks = await Array.fromAsync(stream)
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop')
  assert.equal(countTokens(chunks.map(chunk => chunk.choices[0]?.text).join('')), 80)
})

test('embeddings as base64 (the client default) equal those as numbers', async () => {
  const input = ['alpha', 'beta']
  const decoded = await openai.embeddings.create({ model, input, dimensions: 8 })
  const plain = await openai.embeddings.create({ model, input, dimensions: 8, encoding_format: 'float' })
  assert.deepEqual(
    decoded.data.map(d => d.embedding),
    plain.data.map(d => d.embedding),
  )
  assert.equal(plain.data[0]?.embedding.length, 8)
  assert.ok(Math.abs(Math.hypot(...(plain.data[0]?.embedding ?? [])) - 1) < 1e-6)
  assert.notDeepEqual(plain.data[0]?.embedding, plain.data[1]?.embedding)
})

test('models are listed, and unknown ones and malformed requests refused in the dialect', async () => {
  const listed = await Array.fromAsync(openai.models.list())
  assert.ok(listed.some(entry => entry.id === model))
  assert.equal((await openai.models.retrieve(model)).id, model)
  await assert.rejects(openai.chat.completions.create({ model: 'nobody', messages }), {
    status: 404,
    code: 'model_not_found',
    type: 'invalid_request_error',
  })
  await assert.rejects(openai.chat.completions.create({ model, messages: [] }), {
    status: 400,
    param: 'messages',
  })
  const reply = await fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body: '{"model":' })
  assert.equal(reply.status, 400)
  assert.match(((await reply.json()) as { error: { message: string } }).error.message, /not JSON/)
})

test('responses, whole and streamed', async () => {
  const whole = await openai.responses.create({ model, input: 'What is a stream?' })
  assert.equal(whole.status, 'completed')
  assert.equal(whole.usage?.output_tokens, countTokens(whole.output_text))
  const stream = openai.responses.stream({ model, input: 'What is a stream?' })
  const final = await stream.finalResponse()
  assert.equal(final.output_text, whole.output_text)
  assert.deepEqual(final.usage, whole.usage)
  const cut = await openai.responses.create({ model, input: 'What is a stream?', max_output_tokens: 4 })
  assert.equal(cut.status, 'incomplete')
  const called = await openai.responses.create({
    model,
    input: 'x',
    tools: [{ type: 'function', strict: true, ...weather.function }],
    tool_choice: 'required',
  })
  assert.equal(called.output[0]?.type, 'function_call')
})
