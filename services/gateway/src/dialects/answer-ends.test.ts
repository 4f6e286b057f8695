import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SharedRoom } from '@fluxgate/contracts'
import type { AnswerTapOptions } from './answer-tap.ts'
import { anthropic } from './anthropic.ts'
import type { Dialect } from './dialect.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { type Passed, passed, tapOf } from './test-taps.ts'

const SSE = 'text/event-stream'
const NDJSON = 'application/x-ndjson'
type Options = Partial<Omit<AnswerTapOptions, 'dialect' | 'mediaType' | 'collector'>>
const RESPONSES = { path: '/v1/responses' }

/** What is read of an answer, and that it is the same when it is cut at any byte border. */
function read(dialect: Dialect, type: string | undefined, text: string, options: Options = {}): Passed {
  const bytes = Buffer.from(text)
  const whole = passed(tapOf(dialect, type, options), [bytes])
  const { steps: _, ...expected } = whole
  for (let cut = 1; cut < bytes.length; cut++) {
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)]
    const { steps: _steps, ...seen } = passed(tapOf(dialect, type, options), parts)
    assert.deepEqual(seen, expected, `cut at ${cut}`)
  }
  return whole
}

const chunk = (content: string, reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: reason }] })}\n\n`
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}\n\n'
const DONE = 'data: [DONE]\n\n'
const event = (type: string, data: object = {}) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`
const crlf = (text: string) => text.replaceAll('\n', '\r\n')
const cr = (text: string) => text.replaceAll('\n', '\r')

describe('the end of a stream', () => {
  it('is the dialect’s own event, whatever ends its lines', () => {
    const completed = event('response.completed', {
      response: { usage: { input_tokens: 1, output_tokens: 2 } },
    })
    const ends: Array<[Dialect, string, Options]> = [
      [openai, chunk('a') + DONE, {}],
      [openai, completed, RESPONSES],
      [openai, event('response.incomplete', { response: {} }), RESPONSES],
      [openai, `data: {"type":"response.completed","response":{}}\n\n`, RESPONSES],
      [anthropic, event('message_start') + event('message_stop'), {}],
      [anthropic, 'event: message_stop\ndata: {}\n\n', {}],
    ]
    for (const [dialect, text, options] of ends) {
      for (const as of [text, crlf(text), cr(text), `\ufeff${text}`]) {
        const seen = read(dialect, SSE, as, options)
        assert.deepEqual([seen.progress, seen.isCutOff], ['ended', false], as)
      }
    }
    assert.equal(read(ollama, NDJSON, '{"done":false}\n{"done": true}\n').progress, 'ended')
  })

  it('is an event only when its data has come, so that no event is lost', () => {
    const tap = tapOf(openai, SSE, RESPONSES)
    tap.write(Buffer.from('event: response.completed\n'))
    assert.equal(tap.progress, 'open')
    const data =
      'data: {"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":4}}}\n\n'
    tap.write(Buffer.from(data))
    assert.deepEqual([tap.progress, tap.usage?.counts], ['ended', { input: 3, output: 4 }])
  })

  it('is none in generated text, in a comment, or deep inside of a line', () => {
    for (const text of [
      chunk('data: [DONE]\n\n'),
      ': data: [DONE]\n\n',
      'datas: [DONE]\n\n',
      ' data: [DONE]\n\n',
      chunk('{"finish_reason":"stop"}'),
    ])
      assert.equal(read(openai, SSE, text).progress, 'open', text)
    assert.equal(read(openai, SSE, chunk('event: response.completed\n'), RESPONSES).progress, 'open')
    const nested = {
      message: { tool_calls: [{ function: { arguments: { id: 1, done: true } } }] },
      done: false,
    }
    const last = '{"done":true,"prompt_eval_count":31,"eval_count":17}\n'
    assert.equal(read(ollama, NDJSON, `${JSON.stringify(nested)}\n`).progress, 'open')
    const whole = read(ollama, NDJSON, `${JSON.stringify(nested)}\n${last}`)
    assert.deepEqual([whole.progress, whole.usage], ['ended', { input: 31, output: 17 }])
  })

  it('is missing when the stream closes without it', () => {
    const cutOff = (dialect: Dialect, type: string, text: string, options?: Options) =>
      read(dialect, type, text, options).isCutOff
    assert.equal(cutOff(openai, SSE, chunk('a')), true)
    // Ollama's face of OpenAI turns an error into a chunk without choices, and closes.
    assert.equal(cutOff(openai, SSE, 'data: {"id":"","choices":[]}\n\n'), true)
    assert.equal(cutOff(openai, SSE, ''), true)
    assert.equal(cutOff(openai, SSE, event('response.created', { response: {} }), RESPONSES), true)
    assert.equal(cutOff(anthropic, SSE, event('message_start') + event('content_block_delta')), true)
    assert.equal(cutOff(ollama, NDJSON, '{"message":{"content":"a"},"done":false}\n'), true)
  })

  it('is not missed where a server says why the model stopped and leaves its last event out', () => {
    assert.equal(read(openai, SSE, chunk('a') + chunk('', 'stop')).isCutOff, false)
    assert.equal(read(openai, SSE, chunk('a', 'stop') + USAGE).isCutOff, false)
    assert.equal(
      read(anthropic, SSE, event('message_delta', { delta: { stop_reason: 'end_turn' } })).isCutOff,
      false,
    )
    // Images and speech: the body's end is theirs.
    assert.equal(
      read(openai, SSE, event('image_generation.partial_image'), { path: '/v1/images' }).isCutOff,
      false,
    )
  })

  it('does not reach a reader of lines before its blank line', () => {
    for (const [text, rest] of [
      [`${chunk('a')}data: [DONE]\n`, '\n'],
      [`${crlf(chunk('a'))}data: [DONE]\r\n`, '\r\n'],
    ] as const) {
      const tap = tapOf(openai, SSE)
      const first = tap.write(Buffer.from(text)).toString()
      assert.ok(first.endsWith('[DONE]'), JSON.stringify(first))
      assert.equal(first + tap.write(Buffer.from(rest)).toString() + tap.end().toString(), text + rest)
      assert.equal(tap.progress, 'ended')
    }
  })
})

describe('usage', () => {
  it('is read after the end of the stream, and is removed when the client did not ask for it', () => {
    const text = chunk('a') + DONE + USAGE
    assert.deepEqual(read(openai, SSE, text).usage, { input: 9, output: 2 })
    const stripped = read(openai, SSE, text, { stripUsage: true })
    assert.deepEqual([stripped.out.toString(), stripped.usage], [chunk('a') + DONE, { input: 9, output: 2 }])
  })

  it('is removed for the client at every chunk border, with every line end', () => {
    for (const as of [(text: string) => text, crlf, cr]) {
      const seen = read(openai, SSE, as(chunk('ü') + USAGE + DONE), { stripUsage: true })
      assert.equal(seen.out.toString(), as(chunk('ü') + DONE))
    }
  })

  it('is read in an event of any size', () => {
    const response = { instructions: 'x'.repeat(700_000), usage: { input_tokens: 5, output_tokens: 6 } }
    const bytes = Buffer.from(event('response.completed', { response }))
    const chunks = Array.from({ length: 12 }, (_, i) => bytes.subarray(i * 65_536, (i + 1) * 65_536))
    const room = new SharedRoom(10_000_000)
    const seen = passed(tapOf(openai, SSE, { ...RESPONSES, room }), chunks)
    assert.deepEqual([seen.progress, seen.usage], ['ended', { input: 5, output: 6 }])
    assert.equal(room.bytes, 0)
  })

  it('is read wherever it is in a document of any size', () => {
    const data = [{ embedding: Array.from({ length: 100_000 }, (_, i) => i / 7) }]
    const usage = { prompt_tokens: 7, total_tokens: 7 }
    for (const document of [
      { usage, data },
      { data, usage },
      { object: 'list', usage, data, model: 'm' },
    ]) {
      const bytes = Buffer.from(JSON.stringify(document))
      assert.ok(bytes.length > 780_000)
      const chunks = Array.from({ length: 40 }, (_, i) => bytes.subarray(i * 65_536, (i + 1) * 65_536))
      const room = new SharedRoom(10_000_000)
      const seen = passed(tapOf(openai, 'application/json', { path: '/v1/embeddings', room }), chunks)
      assert.deepEqual(seen.usage, { input: 7, output: 0 })
      assert.equal(room.bytes, 0)
    }
  })

  it('is read although all readers together hold as much as they may', () => {
    const options = { room: new SharedRoom(0) }
    assert.deepEqual(read(openai, SSE, chunk('a') + USAGE + DONE, options).usage, { input: 9, output: 2 })
    const document = '{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}'
    assert.deepEqual(read(openai, 'application/json', document, options).usage, { input: 5, output: 6 })
    const lines = '{"done":false}\n{"done":true,"prompt_eval_count":8,"eval_count":3}\n'
    assert.deepEqual(read(ollama, NDJSON, lines, options).usage, { input: 8, output: 3 })
  })
})

describe('the form of an answer', () => {
  const stream = chunk('a') + USAGE + DONE

  it('is found by what was asked and the first bytes, whatever the content type says', () => {
    for (const type of [undefined, 'text/plain', 'Text/Event-Stream;charset=UTF-8', 'application/octet', 'x'])
      for (const before of ['', '\ufeff', '\n', ': comment\n\n']) {
        const options = { stripUsage: true, isStreamAsked: true }
        const seen = read(openai, type, before + stream, options)
        assert.deepEqual([seen.usage, seen.progress], [{ input: 9, output: 2 }, 'ended'])
        assert.equal(seen.out.toString(), before + chunk('a') + DONE)
      }
    for (const type of [undefined, 'text/plain', 'application/json'])
      assert.deepEqual(
        read(ollama, type, '{"done":true,"prompt_eval_count":8,"eval_count":3}\n', { isStreamAsked: true })
          .usage,
        { input: 8, output: 3 },
      )
  })

  it('is a document where a stream was asked for and JSON came', () => {
    const document = '\n\n {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}'
    for (const type of [SSE, undefined, 'application/json']) {
      const seen = read(openai, type, document, { isStreamAsked: true })
      assert.deepEqual([seen.usage, seen.isCutOff], [{ input: 5, output: 6 }, false])
    }
  })

  it('is nothing that is read where a sound, a picture or an error has come', () => {
    for (const options of [{ isStreamAsked: true }, { isStreamAsked: true, status: 500 }]) {
      const type = 'status' in options ? SSE : 'audio/mpeg'
      const seen = passed(tapOf(openai, type, options), [Buffer.from(`event: x\n${stream}`)])
      assert.deepEqual([seen.usage, seen.error, seen.isCutOff], [undefined, undefined, false])
    }
  })
})

describe('an error inside of a good status', () => {
  it('is known in each dialect, in streams and documents', () => {
    const error = { message: 'm', type: 'server_error', code: 'boom' }
    const json = (value: object) => JSON.stringify(value)
    const cases: Array<[Dialect, string, string, Options, string]> = [
      [openai, SSE, `${chunk('a')}data: ${json({ error })}\n\n${DONE}`, {}, 'boom'],
      [openai, SSE, `event: error\ndata: ${json({ message: 'm' })}\n\n`, {}, 'error'],
      [openai, SSE, `data: ${json({ error: 'text' })}\n\n`, {}, 'error'],
      [openai, SSE, chunk('a', 'error'), {}, 'finish_reason_error'],
      [openai, SSE, `data: ${json({ x_groq: { error: 'over' } })}\n\n`, {}, 'error'],
      [openai, SSE, event('response.failed', { response: { error: { code: 'quota' } } }), RESPONSES, 'quota'],
      [openai, SSE, event('error', { code: 'flat', message: 'm' }), RESPONSES, 'flat'],
      [openai, SSE, event('error', { error: { type: 'nested' } }), RESPONSES, 'nested'],
      [anthropic, SSE, event('error', { error: { type: 'overloaded_error' } }), {}, 'overloaded_error'],
      [ollama, NDJSON, '{"message":{"content":"a"},"done":false}\n{"error":"out of memory"}\n', {}, 'error'],
      [
        openai,
        'application/json',
        json({ code: 'unavailable', error: 'The service is unavailable' }),
        {},
        'unavailable',
      ],
      [
        openai,
        'application/json',
        json({ object: 'error', type: 'BadRequest', message: 'm' }),
        {},
        'BadRequest',
      ],
      [
        openai,
        'application/json',
        json({ object: 'response', status: 'failed', error: { code: 'c' } }),
        RESPONSES,
        'c',
      ],
      [anthropic, 'application/json', json({ type: 'error', error: { type: 'api_error' } }), {}, 'api_error'],
      [ollama, 'application/json', json({ error: 'no such model' }), { isStreamAsked: false }, 'error'],
    ]
    for (const [dialect, type, text, options, code] of cases) {
      const seen = read(dialect, type, text, options)
      assert.equal(seen.error, code === 'unavailable' ? 'unavailable' : code, text)
      assert.equal(seen.isCutOff, false)
    }
  })

  it('is none where the field is empty, or generated', () => {
    for (const text of [
      '{"object":"response","status":"completed","error":null}',
      '{"choices":[{"message":{"content":"{\\"error\\":\\"x\\"}"},"finish_reason":"stop"}],"error":{}}',
      '{"choices":[],"error":""}',
    ])
      assert.equal(read(openai, 'application/json', text).error, undefined, text)
    assert.equal(read(openai, SSE, chunk('{"error":{"message":"x"}}') + DONE).error, undefined)
  })

  it('is no piece of generated text', () => {
    assert.equal(read(ollama, NDJSON, '{"error":"x"}\n').pieces, 0)
    assert.equal(read(openai, SSE, 'data: {"error":{"message":"x"}}\n\n').pieces, 0)
    assert.equal(read(openai, 'application/json', '{"error":{"message":"x"}}').pieces, 0)
    const failed = event('response.created', { response: {} }) + event('response.failed', { response: {} })
    assert.equal(read(openai, SSE, failed, RESPONSES).pieces, 0)
  })
})
