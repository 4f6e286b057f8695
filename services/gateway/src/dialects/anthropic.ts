import { anthropic as anthropicUsage } from '../usage/index.ts'
import { MESSAGES_SIGNS } from './answer-signs.ts'
import { bodyRulesOf } from './body-rules.ts'
import { largest, readCallBody, textField } from './call-body.ts'
import { UsageCollector } from './collector.ts'
import type { Dialect } from './dialect.ts'
import { promptSize } from './prompt-size.ts'

const COUNT_TOKENS = '/v1/messages/count_tokens'
const PROMPT_FIELDS = ['messages', 'system', 'tools']

/** Anthropic's Messages API. Usage comes in `message_start` (input) and `message_delta` (output so far). */
export const anthropic: Dialect = {
  name: 'anthropic',
  promptFields: PROMPT_FIELDS,
  streamForm: 'events',
  signs: () => MESSAGES_SIGNS,

  read(path, bytes) {
    const parsed = readCallBody(bytes, bodyRulesOf(path))
    if (!parsed.ok) return parsed
    const body = parsed.value
    return {
      ok: true,
      call: {
        facts: {
          model: textField(body, 'model') ?? '',
          stream: body.stream === true,
          prompt: promptSize(body, PROMPT_FIELDS),
          answers: path === COUNT_TOKENS ? 0 : 1,
          maxTokens: largest(body, ['max_tokens']),
        },
        body: bytes,
        stripUsage: false,
      },
    }
  },

  usage() {
    return new UsageCollector(anthropicUsage)
  },

  errorBody(type, _code, message, requestId) {
    return JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId })
  },

  errorFrame(form, _code, message, requestId) {
    if (form !== 'events') return ''
    const body = { type: 'error', error: { type: 'api_error', message }, request_id: requestId }
    return `event: error\ndata: ${JSON.stringify(body)}\n\n`
  },
}
