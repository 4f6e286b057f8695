import { readJson } from '@fluxgate/contracts'
import { Ollama } from 'ollama'
import type { AskModel } from './write-report.ts'

const CONTEXT_TOKENS = 8_192
const MAX_ANSWER_TOKENS = 1_024
const MAX_ANSWER_BYTES = 256 * 1024
const MAX_ERROR_CHARS = 300

/** The local model, asked through Ollama's chat API and held to a JSON Schema. */
export function openModel(host: string, model: string, timeoutMs: number): AskModel {
  return async (messages, format, signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    // One client a call: the library's abort() would end every call of a shared one.
    const ollama = new Ollama({ host, fetch: boundedFetch(limit) })
    const answer = await ollama.chat({
      model,
      messages: [...messages],
      format,
      stream: false,
      options: { temperature: 0, num_ctx: CONTEXT_TOKENS, num_predict: MAX_ANSWER_TOKENS },
    })
    // What the library calls a message is whatever the server sent.
    const content: unknown = (answer as { message?: { content?: unknown } }).message?.content
    if (typeof content !== 'string' || answer.done !== true)
      throw new Error('the server sent no whole answer')
    return content
  }
}

/**
 * The library has no limits of time and size, and prints to standard output when an error is not JSON: answers reach it
 * bounded, and errors as JSON.
 */
function boundedFetch(signal: AbortSignal): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, signal })
    const text = await boundedText(response)
    const { status } = response
    const headers = { 'content-type': 'application/json' }
    if (response.ok) return new Response(text, { status, headers })
    return new Response(JSON.stringify({ error: errorIn(text) }), { status, headers })
  }
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function errorIn(text: string): string {
  // What is not JSON is an error page of something in between.
  const read = readJson(text, { maxSize: MAX_ANSWER_BYTES })
  const error = read.ok ? (read.value as { error?: unknown } | null)?.error : undefined
  if (typeof error === 'string') return error.slice(0, MAX_ERROR_CHARS)
  return text.slice(0, MAX_ERROR_CHARS)
}
