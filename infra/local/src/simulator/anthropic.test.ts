import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startSimulator } from './simulator.ts'
import { countTokens } from './tokens.ts'

const simulator = await startSimulator({ latencyMs: 1, tokensPerSecond: 0 })
after(() => simulator[Symbol.asyncDispose]())

interface Frame {
  type: string
  message?: { usage: { input_tokens: number } }
  delta?: { text?: string; partial_json?: string; stop_reason?: string }
  usage?: { output_tokens: number }
}

const body = { model: 'phi4-mini', max_tokens: 6, messages: [{ role: 'user', content: 'Hello there' }] }

function ask(path: string, value: unknown): Promise<Response> {
  return fetch(`${simulator.url}${path}`, { method: 'POST', body: JSON.stringify(value) })
}

async function frames(value: unknown): Promise<Frame[]> {
  const text = await (await ask('/v1/messages', value)).text()
  return text
    .trim()
    .split('\n\n')
    .map(block => {
      const [, event, data] = /^event: (.+)\ndata: (.+)$/.exec(block) ?? []
      const frame = JSON.parse(data ?? '') as Frame
      assert.equal(frame.type, event)
      return frame
    })
}

test('a message, whole and streamed, in the order that clients expect', async () => {
  const whole = (await (await ask('/v1/messages', body)).json()) as {
    content: { text: string }[]
    stop_reason: string
    usage: { input_tokens: number; output_tokens: number }
  }
  assert.equal(whole.stop_reason, 'max_tokens')
  assert.deepEqual(whole.usage, { input_tokens: 2, output_tokens: 6 })
  assert.equal(countTokens(whole.content[0]?.text ?? ''), 6)

  const seen = await frames({ ...body, stream: true })
  assert.deepEqual(
    seen.map(frame => frame.type).filter((type, i, all) => type !== all[i - 1]),
    [
      'message_start',
      'content_block_start',
      'ping',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  assert.equal(seen.map(frame => frame.delta?.text ?? '').join(''), whole.content[0]?.text)
  assert.equal(seen[0]?.message?.usage.input_tokens, 2)
  assert.equal(seen.at(-2)?.usage?.output_tokens, 6)
})

test('tools, token counts and faults', async () => {
  const tools = [
    { name: 'find', input_schema: { type: 'object', properties: { q: { type: 'string', maxLength: 5 } } } },
  ]
  const called = await frames({ ...body, max_tokens: 50, stream: true, tools, tool_choice: { type: 'any' } })
  assert.equal(called.map(frame => frame.delta?.partial_json ?? '').join(''), '{"q":"Simul"}')
  assert.equal(called.at(-2)?.delta?.stop_reason, 'tool_use')
  const counted = await ask('/v1/messages/count_tokens', body)
  assert.deepEqual(await counted.json(), { input_tokens: 2 })
  const refused = await ask('/v1/messages', { ...body, max_tokens: undefined })
  assert.equal(refused.status, 400)
  assert.equal(((await refused.json()) as { type: string }).type, 'error')
})
