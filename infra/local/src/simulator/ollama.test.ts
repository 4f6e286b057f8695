import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { IncidentReport, jsonParser } from '@fluxgate/contracts'
import { Ollama } from 'ollama'
import { startSimulator } from './simulator.ts'
import { countTokens } from './tokens.ts'

const simulator = await startSimulator({ latencyMs: 1, tokensPerSecond: 0 })
after(() => simulator[Symbol.asyncDispose]())
const ollama = new Ollama({ host: simulator.url })
const model = 'phi4-mini'
const messages = [{ role: 'user', content: 'Say something about gateways.' }]

test('chat, whole and streamed, with counts and durations', async () => {
  const whole = await ollama.chat({ model, messages })
  assert.equal(whole.done_reason, 'stop')
  assert.equal(whole.eval_count, countTokens(whole.message.content))
  assert.equal(whole.prompt_eval_count, 5)
  assert.ok(whole.total_duration >= whole.eval_duration && whole.total_duration > 1e5)
  const parts = await Array.fromAsync(await ollama.chat({ model, messages, stream: true }))
  assert.equal(parts.map(part => part.message.content).join(''), whole.message.content)
  assert.ok(parts.slice(0, -1).every(part => !part.done))
  assert.equal(parts.at(-1)?.eval_count, parts.length - 1)
})

test('generate streams by default as NDJSON, and num_predict cuts', async () => {
  const reply = await fetch(`${simulator.url}/api/generate`, {
    method: 'POST',
    body: JSON.stringify({ model, prompt: 'Hello', options: { num_predict: 4 } }),
  })
  assert.equal(reply.headers.get('content-type'), 'application/x-ndjson')
  const lines = (await reply.text())
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { response: string; done: boolean; done_reason?: string })
  assert.equal(lines.length, 5)
  assert.equal(lines.at(-1)?.done_reason, 'length')
  const whole = await ollama.generate({ model: 'phi4-mini:latest', prompt: 'Hello' })
  assert.ok(whole.response?.startsWith(lines.map(line => line.response).join('')))
  assert.equal((await ollama.generate({ model, prompt: '' })).done_reason, 'load')
})

test('an incident report conforms to its schema, cites what the prompt cites, and claims nothing', async () => {
  const prompt = `Write a report. Evidence: REQUESTS:41 and {"stream":"TOKENS","sequence":97}.
<facts>user u_1 burnt 5000 tokens in 2 s</facts>`
  const answer = await ollama.chat({
    model,
    messages: [{ role: 'user', content: prompt }],
    format: IncidentReport,
  })
  const report = jsonParser(IncidentReport)(Buffer.from(answer.message.content))
  assert.ok(report.ok, report.ok ? '' : report.reason)
  assert.equal(report.value.verdict, 'undetermined')
  assert.match(
    report.value.summary,
    /^Simulated summary: no model wrote this.*user u_1 burnt 5000 tokens in 2 s/,
  )
  assert.deepEqual(report.value.evidence, [
    { stream: 'REQUESTS', sequence: 41 },
    { stream: 'TOKENS', sequence: 97 },
  ])
  const json = await ollama.generate({ model, prompt: 'Answer in JSON.', format: 'json' })
  assert.equal((JSON.parse(json.response ?? '') as { simulated: boolean }).simulated, true)
})

test('models, version, greeting and embeddings', async () => {
  const { models } = await ollama.list()
  assert.ok(models.some(entry => entry.name === 'phi4-mini:latest'))
  assert.ok((await ollama.show({ model })).capabilities.includes('completion'))
  assert.match((await ollama.version()).version, /^\d+\.\d+\.\d+$/)
  assert.deepEqual((await ollama.ps()).models, [])
  const { embeddings, prompt_eval_count } = await ollama.embed({ model, input: ['a', 'b c'] })
  assert.equal(embeddings.length, 2)
  assert.equal(prompt_eval_count, 3)
  assert.equal(await (await fetch(simulator.url)).text(), 'Ollama is running')
})

test('faults have the shape of the dialect', async () => {
  await assert.rejects(ollama.chat({ model: 'nobody', messages }), {
    status_code: 404,
    message: "model 'nobody' not found",
  })
  await assert.rejects(ollama.chat({ model: `${model}#fail=status:503`, messages }), { status_code: 503 })
  const broken = await ollama.chat({ model: `${model}#fail=error-after:2`, messages, stream: true })
  await assert.rejects(Array.fromAsync(broken), /the simulated model broke down/)
  const ended = await ollama.chat({ model: `${model}#fail=end-after:2`, messages, stream: true })
  await assert.rejects(Array.fromAsync(ended), /Did not receive done/)
})

test('a tool that the message names is called', async () => {
  const tools = [
    {
      type: 'function',
      function: {
        name: 'lookup',
        description: 'Looks up an id.',
        parameters: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
      },
    },
  ]
  const called = await ollama.chat({ model, messages: [{ role: 'user', content: 'use lookup' }], tools })
  assert.equal(called.message.tool_calls?.[0]?.function.name, 'lookup')
  assert.equal((await ollama.chat({ model, messages, tools })).message.tool_calls, undefined)
})
