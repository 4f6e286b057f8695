import type { JsonObject } from '@fluxgate/contracts'
import { openaiConvention } from '../usage/index.ts'
import { CHAT_SIGNS, OTHER_SIGNS, RESPONSES_SIGNS } from './answer-signs.ts'
import { bodyRulesOf } from './body-rules.ts'
import { type CallBody, largest, readCallBody, textField } from './call-body.ts'
import { UsageCollector } from './collector.ts'
import type { Dialect, ReadCall } from './dialect.ts'
import { findMembers, foldName, splice } from './members.ts'
import { promptSize } from './prompt-size.ts'

const PROMPT_FIELDS = [
  ...['messages', 'prompt', 'input', 'instructions', 'tools', 'functions'],
  // Of rerankers.
  ...['query', 'documents'],
]
const LIMIT_FIELDS = ['max_tokens', 'max_completion_tokens', 'max_output_tokens']
const GENERATES_NOTHING = new Set(['/v1/embeddings', '/v1/moderations', '/v1/responses/input_tokens'])
/** Paths whose streams tell usage only when `stream_options.include_usage` asks for it. */
const ASKS_FOR_USAGE = new Set(['/v1/chat/completions', '/v1/completions'])

/** OpenAI's API: chat completions, completions, embeddings, responses. */
export const openai: Dialect = {
  name: 'openai',
  promptFields: PROMPT_FIELDS,
  streamForm: 'events',

  signs(path) {
    if (ASKS_FOR_USAGE.has(path)) return CHAT_SIGNS
    return path === '/v1/responses' ? RESPONSES_SIGNS : OTHER_SIGNS
  },

  read(path, bytes) {
    const parsed = readCallBody(bytes, bodyRulesOf(path))
    if (!parsed.ok) return parsed
    const body = parsed.value
    const stream = body.stream === true
    const asking = stream && ASKS_FOR_USAGE.has(path) ? withUsageAsked(bytes, parsed) : undefined
    const call: ReadCall = {
      facts: {
        model: textField(body, 'model') ?? '',
        stream,
        prompt: promptSize(body, PROMPT_FIELDS),
        answers: answersOf(path, body),
        maxTokens: largest(body, LIMIT_FIELDS),
      },
      body: asking ?? bytes,
      stripUsage: asking !== undefined,
    }
    return { ok: true, call }
  },

  usage(vendor) {
    return new UsageCollector(openaiConvention(vendor))
  },

  errorBody(type, code, message) {
    return JSON.stringify({ error: { message, type, param: null, code } })
  },

  errorFrame(form, code, message) {
    if (form !== 'events') return ''
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

const OPTION = '"include_usage":true'
const CLOSE_BRACE = 125
const INCLUDE_USAGE = new Set([foldName('include_usage')])

/**
 * The body with the option spliced in, every other byte the client's.
 * @returns undefined when the client has asked itself, or when what it sent is for the server to refuse
 */
function withUsageAsked(bytes: Buffer, { value, members }: CallBody): Buffer | undefined {
  const member = members.find(({ name }) => name === 'stream_options')
  if (!member) return withMember(bytes, 0, `"stream_options":{${OPTION}}`)
  const options = value.stream_options
  if (options === null) return splice(bytes, [{ ...member, by: `{${OPTION}}` }])
  if (typeof options !== 'object' || Array.isArray(options)) return undefined
  const given = findMembers(bytes, member.start, INCLUDE_USAGE)
  if ((options as JsonObject).include_usage === true && given.length === 1) return undefined
  if (given.length > 0)
    return splice(
      bytes,
      given.map(range => ({ ...range, by: 'true' })),
    )
  return withMember(bytes, member.start, OPTION)
}

/** Adds a member at the beginning of the object that begins at `from`. */
function withMember(bytes: Buffer, from: number, member: string): Buffer {
  const inside = bytes.indexOf('{', from) + 1
  let first = inside
  while (bytes[first]! <= 32) first++
  const isEmpty = bytes[first] === CLOSE_BRACE
  return splice(bytes, [{ start: inside, end: inside, by: isEmpty ? member : `${member},` }])
}
