import type { JsonObject } from '@fluxgate/contracts'
import type { Progress } from './tap.ts'

/** How the parts of a streamed answer say what they say: the events of a stream, or its lines. */
export interface AnswerSigns {
  /** The API sends a sign of the end in each of its streams: one without it has broken off. */
  readonly hasEnd: boolean
  /**
   * Looks for the words that stand in every part which tells of usage, of an error or of the end; a part without them
   * need not be parsed. Words in generated text are found too, which costs a parse and changes nothing.
   */
  mayMatter(name: string, part: Buffer): boolean
  progressOf(name: string, part: JsonObject): Progress
  /** Whether an event of this name is generated text. */
  isPiece(name: string): boolean
}

const USAGE = Buffer.from('"usage"')
const ERROR = Buffer.from('"error"')
const FINISH_REASON = Buffer.from('"finish_reason"')
const RESPONSE = Buffer.from('"response":')
const DONE = Buffer.from('"done"')
const EVAL_COUNT = Buffer.from('eval_count')
const MESSAGE_EVENT = Buffer.from('"message_')
const COLON = 58
const LETTER_N = 110
const LETTER_T = 116

/** The byte with which the value behind a field's name begins. */
function valueByte(part: Buffer, behindName: number): number | undefined {
  let at = behindName
  while (part[at] === COLON || part[at]! <= 32) at++
  return part[at]
}

function hasNonNull(part: Buffer, field: Buffer): boolean {
  for (let at = part.indexOf(field); at !== -1; at = part.indexOf(field, at + field.length))
    if (valueByte(part, at + field.length) !== LETTER_N) return true
  return false
}

/** Chat completions and completions: `[DONE]`, which is no JSON, ends them. */
export const CHAT_SIGNS: AnswerSigns = {
  hasEnd: true,
  mayMatter: (_name, part) =>
    hasNonNull(part, USAGE) || hasNonNull(part, FINISH_REASON) || part.includes(ERROR),
  progressOf(_name, { choices, object }) {
    // Some servers end with the reason, or with an object of their own (Perplexity), and leave `[DONE]` out.
    if (object === 'chat.completion.done') return 'finished'
    return Array.isArray(choices) && choices.some(isFinished) ? 'finished' : 'open'
  },
  isPiece: () => true,
}

function isFinished(choice: unknown): boolean {
  const reason = (choice as JsonObject | null)?.finish_reason
  return typeof reason === 'string' && reason !== ''
}

const RESPONSE_ENDS = new Set<unknown>(['response.completed', 'response.failed', 'response.incomplete'])

export const RESPONSES_SIGNS: AnswerSigns = {
  hasEnd: true,
  mayMatter: (name, part) =>
    name === ''
      ? part.includes(RESPONSE) || part.includes(ERROR)
      : RESPONSE_ENDS.has(name) || name === 'error',
  progressOf: (name, { type }) => (RESPONSE_ENDS.has(type ?? name) ? 'ended' : 'open'),
  isPiece: name => name === '' || name.endsWith('.delta'),
}

const LAST_EVENTS = /\.(?:completed|done)$/

/** Images, speech and what else streams events at an OpenAI server: the end of the body ends them. */
export const OTHER_SIGNS: AnswerSigns = {
  hasEnd: false,
  mayMatter: (_name, part) => part.includes(USAGE) || part.includes(ERROR),
  progressOf: (name, { type }) =>
    LAST_EVENTS.test(typeof type === 'string' ? type : name) ? 'finished' : 'open',
  isPiece: () => true,
}

const MESSAGE_SILENT = new Set(['content_block_delta', 'content_block_stop', 'ping'])

export const MESSAGES_SIGNS: AnswerSigns = {
  hasEnd: true,
  mayMatter: (name, part) =>
    name === '' ? part.includes(MESSAGE_EVENT) || part.includes(ERROR) : !MESSAGE_SILENT.has(name),
  progressOf(name, { type = name, delta }) {
    // An error ends the stream as well (Anthropic, "Streaming messages: error events").
    if (type === 'message_stop' || type === 'error') return 'ended'
    const reason = type === 'message_delta' ? (delta as JsonObject | undefined)?.stop_reason : undefined
    return typeof reason === 'string' ? 'finished' : 'open'
  },
  isPiece: name => name === '' || name === 'content_block_delta',
}

export const OLLAMA_SIGNS: AnswerSigns = {
  hasEnd: true,
  mayMatter(_name, part) {
    for (let at = part.indexOf(DONE); at !== -1; at = part.indexOf(DONE, at + DONE.length))
      if (valueByte(part, at + DONE.length) === LETTER_T) return true
    return part.includes(EVAL_COUNT) || part.includes(ERROR)
  },
  progressOf: (_name, { done }) => (done === true ? 'ended' : 'open'),
  isPiece: () => true,
}
