import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dialectOf } from './dialect-of-path.ts'
import { openai } from './openai.ts'

const read = (path: string, body: unknown) => {
  const result = dialectOf(path).read(
    path,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  )
  assert.ok(result.ok, result.ok ? '' : result.message)
  return result.call
}

describe('a dialect', () => {
  it('is known by the path', () => {
    assert.equal(dialectOf('/v1/chat/completions').name, 'openai')
    assert.equal(dialectOf('/v1/messages').name, 'anthropic')
    assert.equal(dialectOf('/v1/messages/count_tokens').name, 'anthropic')
    assert.equal(dialectOf('/v1/messagesx').name, 'openai')
    assert.equal(dialectOf('/api/chat').name, 'ollama')
  })

  it('asks for usage in a stream that would not tell it, and leaves every other byte alone', () => {
    const body = '{ "model":"m", "stream":true, "seed":12345678901234567890, "messages":[] }'
    const call = read('/v1/chat/completions', body)
    assert.equal(call.stripUsage, true)
    assert.equal(call.body.toString(), `{"stream_options":{"include_usage":true},${body.slice(1)}`)
    assert.equal(JSON.parse(call.body.toString()).stream_options.include_usage, true)
    const retained = read('/v1/chat/completions', {
      stream: true,
      stream_options: { include_usage: false, x: 1 },
    })
    assert.deepEqual(JSON.parse(retained.body.toString()).stream_options, { include_usage: true, x: 1 })
    for (const untouched of [
      { stream: true, stream_options: { include_usage: true } },
      { stream: false },
      {},
    ]) {
      const same = read('/v1/chat/completions', untouched)
      assert.equal(same.body.toString(), JSON.stringify(untouched))
      assert.equal(same.stripUsage, false)
    }
    assert.equal(read('/v1/responses', { stream: true }).stripUsage, false)
  })

  it('reads model, limit and the size of the prompt', () => {
    const { facts } = read('/v1/chat/completions', {
      model: 'gpt-x',
      max_tokens: 10,
      max_completion_tokens: 20,
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'x'.repeat(1_000) }] },
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(90_000)}` } }],
        },
      ],
    })
    assert.equal(facts.model, 'gpt-x')
    assert.equal(facts.maxTokens, 20)
    assert.ok(facts.prompt.chars > 5_000 && facts.prompt.chars < 5_100, `${facts.prompt.chars}`)
    assert.equal(read('/api/chat', { model: 'm', options: { num_predict: 5 } }).facts.maxTokens, 5)
    assert.equal(read('/api/chat', { model: 'm' }).facts.stream, true)
    assert.equal(read('/api/chat', { model: 'm', stream: false }).facts.stream, false)
    assert.equal(read('/api/embed', { model: 'm' }).facts.stream, false)
  })

  it('is not confused by odd bodies', () => {
    for (const bad of ['', '{', '[]', 'null', '"x"', '7']) {
      assert.equal(openai.read('/v1/chat/completions', Buffer.from(bad)).ok, false, bad)
    }
    const odd = read('/v1/chat/completions', {
      model: 7,
      stream_options: null,
      max_tokens: -1,
      messages: 3,
    })
    assert.deepEqual(odd.facts, {
      model: '',
      stream: false,
      answers: 1,
      maxTokens: undefined,
      prompt: { chars: 0, tokens: 1 },
    })
    let deep: unknown = 'x'.repeat(50)
    for (let i = 0; i < 100; i++) deep = [deep]
    assert.equal(read('/v1/chat/completions', { messages: deep }).facts.prompt.chars, 0)
  })

  it('words errors as its clients expect them', () => {
    const words = (path: string) => JSON.parse(dialectOf(path).errorBody('t', 'c', 'm', 'req_1'))
    assert.deepEqual(words('/v1/embeddings'), { error: { message: 'm', type: 't', param: null, code: 'c' } })
    assert.deepEqual(words('/v1/messages'), {
      type: 'error',
      error: { type: 't', message: 'm' },
      request_id: 'req_1',
    })
    assert.deepEqual(words('/api/chat'), { error: 'm' })
    assert.match(dialectOf('/v1/messages').errorFrame('events', 'c', 'm', 'r'), /^event: error\ndata: /)
    assert.match(dialectOf('/v1/x').errorFrame('events', 'c', 'm', 'r'), /^data: \{"error"/)
    assert.equal(dialectOf('/api/chat').errorFrame('lines', 'c', 'm', 'r'), '{"error":"m"}\n')
    assert.equal(dialectOf('/v1/x').errorFrame('document', 'c', 'm', 'r'), '')
  })
})
