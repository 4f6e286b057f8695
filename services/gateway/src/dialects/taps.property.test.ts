import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chatCounts } from '../usage/chat-usage.ts'
import { anthropic } from './anthropic.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { passed, tapOf } from './test-taps.ts'

const RUNS = { numRuns: 400 }
const SSE = 'text/event-stream'

/** Any text, with what readers stumble over: characters of several bytes, quotes, braces, our own words. */
const text = fc.array(
  fc.oneof(
    fc.constantFrom(
      'ü',
      '東京',
      '👋',
      '"',
      '\\',
      '{',
      '}',
      '\n',
      '\r\n',
      'data: ',
      '"usage"',
      '"choices":[]',
    ),
    fc.string({ unit: 'binary', maxLength: 6 }),
  ),
  { maxLength: 6 },
)
const joined = text.map(parts => parts.join(''))
const tokens = fc.nat(1_000_000)
/** Where a stream is cut into chunks, as parts of its length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 24 })

function chunksOf(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...at.map(part => Math.round(part * bytes.length)), bytes.length].toSorted((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

/** An event as it is sent, and as a client that asked for no usage gets it. */
interface Event {
  readonly sent: string
  readonly unasked: string
}
const same = (sent: string): Event => ({ sent, unasked: sent })

const chatEvent = fc.record({ content: joined, empty: fc.boolean() }).map(({ content, empty }): Event => {
  const choices = `"choices":[{"delta":{"content":${JSON.stringify(content)}}}]`
  return {
    sent: `data: {${choices}${empty ? ',"usage":null' : ''}}`,
    unasked: `data: {${choices}}`,
  }
})
const otherEvent = fc.constantFrom(
  same(': keep-alive'),
  same('event: ping\ndata: {"type":"ping"}'),
  same('data: {"choices":[{"delta":{}}],\ndata: "x":"two lines"}'),
  same('data: not json at all "usage"'),
  same('id: 7\nretry: 100'),
)
const end = fc.constantFrom('\n', '\r\n')
const chatStream = fc.record({
  events: fc.array(fc.oneof({ weight: 4, arbitrary: chatEvent }, otherEvent), { maxLength: 8 }),
  usage: fc.option(fc.record({ prompt_tokens: tokens, completion_tokens: tokens }), { nil: undefined }),
  end,
  cuts,
})

function chatBytes({ events, usage, end }: { events: Event[]; usage: object | undefined; end: string }) {
  const lastEvent: Event[] = usage
    ? [{ sent: `data: {"choices":[],"usage":${JSON.stringify(usage)}}`, unasked: '' }]
    : []
  const all = [...events, ...lastEvent, same('data: [DONE]')]
  const wire = (text: string) => (text === '' ? '' : `${text}\n\n`.replaceAll('\n', end))
  const sent = all.map(event => wire(event.sent))
  return {
    sent: Buffer.from(sent.join('')),
    unasked: Buffer.from(all.map(event => wire(event.unasked)).join('')),
    longest: Math.max(...sent.map(event => Buffer.byteLength(event))),
  }
}

describe('however a stream is cut into chunks', () => {
  it('a chat stream goes on at once, byte for byte, and its usage is found', () => {
    const property = fc.property(chatStream, stream => {
      const { sent } = chatBytes(stream)
      const seen = passed(tapOf(openai, SSE), chunksOf(sent, stream.cuts))
      assert.deepEqual(seen.out, sent)
      for (const { put, got } of seen.steps)
        assert.ok(put - got <= 2, 'no more than the end of a line is held')
      assert.deepEqual(seen.usage, stream.usage && chatCounts(stream.usage)?.counts)
    })
    fc.assert(property, RUNS)
  })

  it('a chat stream loses only the usage that the client did not ask for, and is delayed by one event at most', () => {
    const property = fc.property(chatStream, stream => {
      const { sent, unasked, longest } = chatBytes(stream)
      const seen = passed(tapOf(openai, SSE, { stripUsage: true }), chunksOf(sent, stream.cuts))
      assert.equal(seen.out.toString(), unasked.toString())
      const whole = passed(tapOf(openai, SSE, { stripUsage: true }), [sent])
      assert.deepEqual(seen.usage, stream.usage && chatCounts(stream.usage)?.counts)
      assert.equal(seen.pieces, whole.pieces)
      const retained = sent.length - unasked.length
      for (const { put, got } of seen.steps)
        assert.ok(put - got <= longest + retained, `${put} in, ${got} out`)
    })
    fc.assert(property, RUNS)
  })

  it('Anthropic’s events keep their names and bytes, and their usage adds up', () => {
    const stream = fc.record({
      deltas: fc.array(joined, { maxLength: 6 }),
      input: tokens,
      output: tokens,
      cuts,
      end,
    })
    const property = fc.property(stream, ({ deltas, input, output, cuts, end }) => {
      const event = (name: string, data: object) =>
        `event: ${name}\ndata: ${JSON.stringify({ type: name, ...data })}\n\n`
      const sent = Buffer.from(
        [
          event('message_start', {
            message: { usage: { input_tokens: input, cache_read_input_tokens: 3, output_tokens: 1 } },
          }),
          ...deltas.map(text => event('content_block_delta', { delta: { type: 'text_delta', text } })),
          event('message_delta', { usage: { output_tokens: output } }),
          event('message_stop', {}),
        ]
          .join('')
          .replaceAll('\n', end),
      )
      const seen = passed(tapOf(anthropic, SSE), chunksOf(sent, cuts))
      assert.deepEqual(seen.out, sent)
      for (const { put, got } of seen.steps) assert.ok(put - got <= 2)
      assert.deepEqual(seen.usage, { input: input + 3, output, cachedInput: 3 })
    })
    fc.assert(property, RUNS)
  })

  it('Ollama’s lines go on at once, byte for byte, and the last one’s counts are found', () => {
    const stream = fc.record({
      texts: fc.array(joined, { maxLength: 6 }),
      prompt: tokens,
      answer: tokens,
      cuts,
      last: fc.constantFrom('', '\n'),
    })
    const property = fc.property(stream, ({ texts, prompt, answer, cuts, last }) => {
      const lines = [
        ...texts.map(content => ({ message: { content }, done: false })),
        { done: true, prompt_eval_count: prompt, eval_count: answer },
      ]
      const sent = Buffer.from(lines.map(line => JSON.stringify(line)).join('\n') + last)
      const seen = passed(tapOf(ollama, 'application/x-ndjson'), chunksOf(sent, cuts))
      assert.deepEqual(seen.out, sent)
      for (const { put, got } of seen.steps) assert.ok(put - got <= 2)
      assert.deepEqual(seen.usage, { input: prompt, output: answer })
      assert.equal(seen.pieces, lines.length)
    })
    fc.assert(property, RUNS)
  })

  it('a document goes on at once, and its own usage is found among any others', () => {
    const usage = fc.record({ prompt_tokens: tokens, completion_tokens: tokens })
    const nested = fc.dictionary(
      fc.oneof(fc.constantFrom('usage', 'x', '"usage"'), joined),
      fc.oneof(joined, usage),
    )
    const document = fc.record({ before: nested, usage, after: nested, indent: fc.nat(3), cuts })
    const property = fc.property(document, ({ before, usage, after, indent, cuts }) => {
      const sent = Buffer.from(JSON.stringify({ id: before, usage, metadata: after }, undefined, indent))
      const seen = passed(tapOf(openai, 'application/json'), chunksOf(sent, cuts))
      assert.deepEqual(seen.out, sent)
      for (const { put, got } of seen.steps) assert.ok(put - got <= 2)
      assert.deepEqual(seen.usage, chatCounts(usage)?.counts)
    })
    fc.assert(property, RUNS)
  })
})

describe('whatever comes', () => {
  it('bytes that are no stream of ours pass unchanged through every tap', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (bytes, cuts) => {
      const sent = Buffer.from(bytes)
      for (const tap of [
        tapOf(openai, SSE),
        tapOf(openai, SSE, { stripUsage: true }),
        tapOf(openai, 'application/json'),
        tapOf(anthropic, SSE),
        tapOf(ollama, 'application/x-ndjson'),
        tapOf(ollama, 'application/json'),
      ]) {
        const seen = passed(tap, chunksOf(sent, cuts))
        assert.deepEqual(seen.out, sent)
        assert.equal(seen.usage, undefined)
      }
    })
    fc.assert(property, RUNS)
  })
})
