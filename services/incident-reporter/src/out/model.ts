import { IncidentReport, jsonParser } from '@fluxgate/contracts'
import { Ollama } from 'ollama'
import { REPORT_FORMAT } from '../core/prompt.ts'
import type { AskModel } from '../core/write-report.ts'

const parseReport = jsonParser(IncidentReport)
const CONTEXT_TOKENS = 8_192
const MAX_ANSWER_TOKENS = 1_024

/** The local model, asked through Ollama's chat API with the report's schema as `format`. */
export function openModel(host: string, model: string, timeoutMs: number): AskModel {
  return async (messages, signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    // One client a call: the library's abort() would end every call of a shared one.
    const ollama = new Ollama({ host, fetch: (input, init) => fetch(input, { ...init, signal: limit }) })
    const answer = await ollama.chat({
      model,
      messages: [...messages],
      format: REPORT_FORMAT,
      stream: false,
      options: { temperature: 0, num_ctx: CONTEXT_TOKENS, num_predict: MAX_ANSWER_TOKENS },
    })
    const parsed = parseReport(Buffer.from(answer.message.content))
    return parsed.ok ? { ok: true, report: parsed.value } : { ok: false, reason: parsed.reason }
  }
}
