import { collectorOf } from '../usage/collector.ts'
import { jsonTap } from '../usage/json-tap.ts'
import { sseTap } from '../usage/sse-tap.ts'
import { openaiConvention } from '../usage/vendors/vendor.ts'
import { type JsonObject, largest, parseObject, textField } from './body.ts'
import type { Dialect, ReadCall } from './dialect.ts'
import { promptSize } from './prompt-size.ts'

const PROMPT_FIELDS = ['messages', 'prompt', 'input', 'instructions', 'tools', 'functions']
const LIMIT_FIELDS = ['max_tokens', 'max_completion_tokens', 'max_output_tokens']
const GENERATES_NOTHING = new Set(['/v1/embeddings', '/v1/moderations', '/v1/responses/input_tokens'])
/** Paths whose streams tell usage only when `stream_options.include_usage` asks for it. */
const ASKS_FOR_USAGE = new Set(['/v1/chat/completions', '/v1/completions'])

/** OpenAI's API: chat completions, completions, embeddings, responses. */
export const openai: Dialect = {
  name: 'openai',
  promptFields: PROMPT_FIELDS,

  read(path, bytes) {
    const parsed = parseObject(bytes)
    if (!parsed.ok) return parsed
    const body = parsed.value
    const stream = body.stream === true
    const asked =
      (body.stream_options as { include_usage?: unknown } | null | undefined)?.include_usage === true
    const inject = stream && !asked && ASKS_FOR_USAGE.has(path)
    const call: ReadCall = {
      facts: {
        model: textField(body, 'model') ?? '',
        stream,
        prompt: promptSize(body, PROMPT_FIELDS),
        answers: answersOf(path, body),
        maxTokens: largest(body, LIMIT_FIELDS),
      },
      body: inject ? withUsageAsked(bytes, body) : bytes,
      stripUsage: inject,
    }
    return { ok: true, call }
  },

  usage(vendor) {
    return collectorOf(openaiConvention(vendor))
  },

  tap(contentType, stripUsage, vendor) {
    const usage = openai.usage(vendor)
    return contentType.startsWith('text/event-stream') ? sseTap(usage, stripUsage) : jsonTap(usage)
  },

  errorBody(type, code, message) {
    return JSON.stringify({ error: { message, type, param: null, code } })
  },

  errorFrame(contentType, code, message) {
    if (!contentType.startsWith('text/event-stream')) return ''
    return `data: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code } })}\n\n`
  },
}

/** `n` or `best_of` answers to each of the prompts. */
function answersOf(path: string, body: JsonObject): number {
  if (GENERATES_NOTHING.has(path)) return 0
  const { prompt } = body
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
  return Math.max(1, largest(body, ['n', 'best_of']) ?? 1) * Math.max(1, prompts)
}

const OPTION = '"stream_options":{"include_usage":true}'

/** Splices the option in after the opening brace, so that every other byte stays the client's. */
function withUsageAsked(bytes: Buffer, body: JsonObject): Buffer {
  if ('stream_options' in body) {
    const options = body.stream_options as JsonObject | null
    return Buffer.from(JSON.stringify({ ...body, stream_options: { ...options, include_usage: true } }))
  }
  const brace = bytes.indexOf('{')
  return Buffer.concat([bytes.subarray(0, brace + 1), Buffer.from(`${OPTION},`), bytes.subarray(brace + 1)])
}
