import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anthropic } from './anthropic.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import type { UsageTap } from './tap.ts'
import { tapOf } from './test-taps.ts'

const SSE = 'text/event-stream; charset=utf-8'
const chunk = (content: string) =>
  `data: {"choices":[{"delta":{"content":${JSON.stringify(content)}}}],"usage":null}\n\n`
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}\n\n'
const DONE = 'data: [DONE]\n\n'

/** Feeds bytes in pieces of every size from 1 to `upTo` and gives what came out each time. */
function fed(make: () => UsageTap, text: string, sizes: number[]): Array<{ out: string; tap: UsageTap }> {
  const bytes = Buffer.from(text)
  return sizes.map(size => {
    const tap = make()
    const out: Buffer[] = []
    for (let i = 0; i < bytes.length; i += size) out.push(Buffer.from(tap.write(bytes.subarray(i, i + size))))
    out.push(tap.end())
    return { out: Buffer.concat(out).toString('utf8'), tap }
  })
}
/** As it would have come to a client that asks no usage: servers leave the empty ones out too. */
const unasked = (text: string) => text.replaceAll(',"usage":null', '')
const SIZES = [1, 2, 3, 5, 7, 16, 64, 100_000]

describe('an OpenAI stream', () => {
  const stream = `${chunk('Grüße 👋 ')}${chunk('"usage":{"prompt_tokens":9}')}${USAGE}${DONE}`

  it('passes byte for byte when the client asked for usage, at every chunk border', () => {
    for (const { out, tap } of fed(() => tapOf(openai, SSE), stream, SIZES)) {
      assert.equal(out, stream)
      assert.deepEqual(tap.usage?.counts, { input: 11, output: 7 })
    }
  })

  it('loses only the usage event that the client did not ask for', () => {
    for (const { out, tap } of fed(() => tapOf(openai, SSE, { stripUsage: true }), stream, SIZES)) {
      assert.equal(out, unasked(stream.replace(USAGE, '')))
      assert.deepEqual(tap.usage?.counts, { input: 11, output: 7 })
      assert.equal(tap.pieces, 2)
    }
  })

  it('is understood with CRLF line ends too', () => {
    const crlf = stream.replaceAll('\n', '\r\n')
    for (const { out, tap } of fed(() => tapOf(openai, SSE, { stripUsage: true }), crlf, SIZES)) {
      assert.equal(out, unasked(crlf.replace(USAGE.replaceAll('\n', '\r\n'), '')))
      assert.deepEqual(tap.usage?.counts, { input: 11, output: 7 })
    }
  })

  it('is not fooled by usage in the generated text', () => {
    const text = `${chunk('{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}')}${DONE}`
    for (const { out, tap } of fed(() => tapOf(openai, SSE, { stripUsage: true }), text, SIZES)) {
      assert.equal(out, unasked(text))
      assert.equal(tap.usage, undefined)
    }
  })

  it('keeps usage that rides in a chunk with choices', () => {
    const text = 'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    const [one] = fed(() => tapOf(openai, SSE, { stripUsage: true }), text, [100_000])
    assert.equal(one!.out, text)
    assert.deepEqual(one!.tap.usage?.counts, { input: 1, output: 2 })
  })

  it('passes an event without an end, and one too long to hold', () => {
    const cut = `${chunk('a')}data: {"choices":`
    assert.equal(fed(() => tapOf(openai, SSE, { stripUsage: true }), cut, [10])[0]!.out, unasked(cut))
    const long = chunk('x'.repeat(600_000))
    assert.equal(fed(() => tapOf(openai, SSE, { stripUsage: true }), long, [10_000])[0]!.out, long)
  })

  it('reads the usage of a responses stream', () => {
    const text =
      'event: response.completed\ndata: {"response":{"usage":{"input_tokens":3,"output_tokens":4}}}\n\n'
    assert.deepEqual(fed(() => tapOf(openai, SSE), text, [9])[0]!.tap.usage?.counts, {
      input: 3,
      output: 4,
    })
  })
})

describe('an Anthropic stream', () => {
  const stream = [
    'event: message_start\ndata: {"message":{"usage":{"input_tokens":20,"cache_read_input_tokens":5,"output_tokens":1}}}',
    'event: ping\ndata: {"type":"ping"}',
    'event: content_block_delta\ndata: {"delta":{"text":"Hi"}}',
    'event: message_delta\ndata: {"usage":{"output_tokens":42}}',
    'event: message_stop\ndata: {}',
  ]
    .map(event => `${event}\n\n`)
    .join('')

  it('keeps its frames and adds its usage up', () => {
    for (const { out, tap } of fed(() => tapOf(anthropic, SSE), stream, SIZES)) {
      assert.equal(out, stream)
      assert.deepEqual(tap.usage?.counts, { input: 25, output: 42, cachedInput: 5 })
    }
  })
})

describe('an Ollama stream', () => {
  it('passes as it is and tells its counts in the last line', () => {
    const lines =
      '{"message":{"content":"ü"},"done":false}\n{"done":true,"prompt_eval_count":8,"eval_count":3}\n'
    for (const { out, tap } of fed(() => tapOf(ollama, 'application/x-ndjson'), lines, SIZES)) {
      assert.equal(out, lines)
      assert.deepEqual(tap.usage?.counts, { input: 8, output: 3 })
    }
    assert.deepEqual(
      fed(() => tapOf(ollama, 'application/x-ndjson'), lines.trimEnd(), [4])[0]!.tap.usage?.counts,
      {
        input: 8,
        output: 3,
      },
    )
  })
})

describe('a JSON answer', () => {
  it('is read at its end', () => {
    const answer = '{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}'
    for (const { out, tap } of fed(() => tapOf(openai, 'application/json'), answer, SIZES)) {
      assert.equal(out, answer)
      assert.deepEqual(tap.usage?.counts, { input: 5, output: 6 })
    }
  })

  it('does not believe impossible numbers', () => {
    for (const usage of [
      '{"prompt_tokens":-5}',
      '{"prompt_tokens":1e99}',
      '{"prompt_tokens":"7"}',
      '7',
      'null',
    ]) {
      assert.equal(
        fed(() => tapOf(openai, 'application/json'), `{"usage":${usage}}`, [50])[0]!.tap.usage,
        undefined,
      )
    }
  })
})
