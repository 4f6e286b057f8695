import assert from 'node:assert/strict'
import { it } from 'node:test'
import { endsStream } from './last-frame.ts'

const ends = (dialect: 'openai' | 'anthropic' | 'ollama', text: string) =>
  endsStream(dialect, Buffer.from(text))

it('knows the frame with which a client takes its answer for whole', () => {
  assert.ok(ends('openai', 'data: {"choices":[]}\n\ndata: [DONE]\n\n'))
  assert.ok(ends('openai', 'event: response.completed\ndata: {"type":"response.completed"}\n\n'))
  assert.ok(ends('anthropic', 'event: message_stop\ndata: {"type":"message_stop"}\n\n'))
  assert.ok(ends('ollama', '{"model":"m","done":true,"eval_count":3}\n'))
})

it('takes no text of a model for it, and no frame that is cut', () => {
  const said = (text: string) => `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}\n\n`
  assert.ok(!ends('openai', said('data: [DONE]\n\n')))
  assert.ok(!ends('openai', said('event: response.completed\n')))
  assert.ok(!ends('anthropic', said('event: message_stop\n')))
  assert.ok(!ends('ollama', `${JSON.stringify({ response: '"done":true', done: false })}\n`))
  assert.ok(!ends('ollama', '{"model":"m","done":true,"context":[1,2'))
  assert.ok(!ends('openai', ''))
})
