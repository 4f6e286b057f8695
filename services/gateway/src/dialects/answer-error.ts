import type { JsonObject } from '@fluxgate/contracts'

/** An error that a model server answered, whatever its status. */
export interface AnswerError {
  /** The server's own code or type, where it has the form of one. */
  readonly code: string
}

const CODE = /^[\w.-]{1,64}$/
const UNNAMED = 'error'

/**
 * The error that a document, a stream's event or a line is, in any dialect:
 * OpenAI `{error: {…}}`, its responses `{type: "response.failed"}`, `{type: "error"}` and `{status: "failed"}`, Anthropic
 * `{type: "error", error: {…}}`, Ollama and others `{error: "…"}`, xAI `{code, error: "…"}`, vLLM and Mistral
 * `{object: "error", …}`, Groq `{x_groq: {error}}`, and a choice whose `finish_reason` is `error` (OpenRouter, Mistral).
 */
export function errorIn(name: string, part: JsonObject): AnswerError | undefined {
  const { error } = part
  if (isSet(error)) return { code: codeIn(error, part) }
  if (part.type === 'error' || part.object === 'error' || name === 'error')
    return { code: codeIn(part, part) }
  const response = part.type === 'response.failed' ? part.response : part
  if (isObject(response) && (response !== part || (part.object === 'response' && part.status === 'failed')))
    return { code: isObject(response.error) ? codeIn(response.error, response) : UNNAMED }
  if (isObject(part.x_groq) && isSet(part.x_groq.error)) return { code: UNNAMED }
  return hasFailedChoice(part.choices) ? { code: 'finish_reason_error' } : undefined
}

function codeIn(error: unknown, part: JsonObject): string {
  const names = isObject(error) ? [error.code, error.type, error.status] : [part.code, part.type]
  for (const name of names) if (typeof name === 'string' && CODE.test(name)) return name
  return UNNAMED
}

function hasFailedChoice(choices: unknown): boolean {
  if (!Array.isArray(choices)) return false
  return choices.some(choice => isObject(choice) && choice.finish_reason === 'error')
}

/** Answers without an error say so by null, an empty text or an empty object. */
function isSet(error: unknown): boolean {
  if (typeof error === 'string') return error !== ''
  return isObject(error) ? Object.keys(error).length > 0 : error === true
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
