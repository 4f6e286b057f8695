import type { JsonObject } from '@fluxgate/contracts'
import { ollama as ollamaUsage } from '../usage/index.ts'
import { OLLAMA_SIGNS } from './answer-signs.ts'
import { bodyRulesOf } from './body-rules.ts'
import { largest, readCallBody, textField } from './call-body.ts'
import { UsageCollector } from './collector.ts'
import type { Dialect } from './dialect.ts'
import { promptSize } from './prompt-size.ts'

const PROMPT_FIELDS = ['messages', 'prompt', 'system', 'suffix', 'input', 'tools', 'images']
/** What generates text, and streams it unless told otherwise. */
const GENERATES = new Set(['/api/chat', '/api/generate'])

/** Ollama's native API. Its raw default is to stream; usage stands in the last line's counts. */
export const ollama: Dialect = {
  name: 'ollama',
  promptFields: PROMPT_FIELDS,
  streamForm: 'lines',
  signs: () => OLLAMA_SIGNS,

  read(path, bytes) {
    const parsed = readCallBody(bytes, bodyRulesOf(path))
    if (!parsed.ok) return parsed
    const body = parsed.value
    const options = body.options
    return {
      ok: true,
      call: {
        facts: {
          model: textField(body, 'model') ?? textField(body, 'name') ?? '',
          stream: GENERATES.has(path) && body.stream !== false,
          prompt: promptSize(body, PROMPT_FIELDS),
          answers: GENERATES.has(path) ? 1 : 0,
          maxTokens: isObject(options) ? largest(options, ['num_predict']) : undefined,
        },
        body: bytes,
        stripUsage: false,
      },
    }
  },

  usage() {
    return new UsageCollector(ollamaUsage)
  },

  errorBody(_type, _code, message) {
    return JSON.stringify({ error: message })
  },

  errorFrame(form, _code, message) {
    return form === 'lines' ? `${JSON.stringify({ error: message })}\n` : ''
  },
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
