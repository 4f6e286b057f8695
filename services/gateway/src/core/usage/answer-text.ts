import type { JsonObject } from '../dialect/body.ts'
import { dataOf, eventEnd } from './sse-tap.ts'

/**
 * The text that a model has generated, in an answer or the part of it that came: Server-Sent Events, NDJSON or one JSON
 * document, of any dialect. What does not parse (the torn last frame of a broken stream) counts as nothing. Texts that
 * came side by side (several choices) are put one behind the other.
 */
export function answerText(contentType: string, bytes: Buffer): string {
  const texts = new Texts()
  if (contentType.startsWith('text/event-stream')) {
    let from = 0
    for (let end = eventEnd(bytes, 0); end !== -1; end = eventEnd(bytes, from)) {
      read(dataOf(bytes.subarray(from, end)), texts)
      from = end
    }
    read(dataOf(bytes.subarray(from)), texts)
  } else if (contentType.startsWith('application/x-ndjson')) {
    for (const line of bytes.toString('utf8').split('\n')) read(line, texts)
  } else read(bytes.toString('utf8'), texts)
  return texts.joined()
}

class Texts {
  readonly #parts = new Map<unknown, string[]>()

  add(channel: unknown, text: unknown): void {
    if (typeof text !== 'string' || text === '') return
    const parts = this.#parts.get(channel)
    if (parts) parts.push(text)
    else this.#parts.set(channel, [text])
  }

  joined(): string {
    return [...this.#parts.values()].map(parts => parts.join('')).join('\n')
  }
}

function read(text: string, texts: Texts): void {
  if (!text.includes('{')) return
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) readMessage(value, texts)
  } catch {
    // `[DONE]`, or a torn frame.
  }
}

function readMessage(message: JsonObject, texts: Texts): void {
  for (const choice of objects(message.choices)) readChoice(choice, texts)
  // OpenAI responses: `delta` of an event, `output` of a whole answer.
  texts.add(message.output_index, message.delta)
  for (const item of objects(message.output)) readBlock(item, texts)
  // Anthropic.
  if (isObject(message.content_block)) readBlock(message.content_block, texts)
  if (isObject(message.delta)) readBlock(message.delta, texts)
  for (const block of objects(message.content)) readBlock(block, texts)
  // Ollama.
  texts.add('response', message.response)
  texts.add('thinking', message.thinking)
  if (isObject(message.message)) readSaid(message.message, 0, texts)
}

function readChoice(choice: JsonObject, texts: Texts): void {
  texts.add(choice.index, choice.text)
  for (const said of [choice.delta, choice.message]) {
    if (isObject(said)) readSaid(said, choice.index, texts)
  }
}

const SPOKEN = ['reasoning_content', 'reasoning', 'thinking', 'content', 'refusal']

function readSaid(said: JsonObject, channel: unknown, texts: Texts): void {
  for (const name of SPOKEN) texts.add(`${String(channel)} ${name}`, said[name])
  for (const call of [...objects(said.tool_calls), { index: -1, function: said.function_call }]) {
    if (!isObject(call.function)) continue
    const tool = `${String(channel)} tool ${String(call.index ?? call.id)}`
    texts.add(tool, call.function.name)
    texts.add(tool, written(call.function.arguments))
  }
}

/** An item or block of OpenAI's responses and of Anthropic's messages. */
function readBlock(block: JsonObject, texts: Texts): void {
  for (const name of ['name', 'text', 'thinking', 'partial_json', 'arguments'])
    texts.add('block', block[name])
  // A tool's input begins as {} in a stream and comes in pieces after that.
  if (isObject(block.input) && Object.keys(block.input).length > 0) texts.add('block', written(block.input))
  for (const part of [...objects(block.content), ...objects(block.summary)]) {
    texts.add('block', part.text)
    texts.add('block', part.refusal)
  }
}

/** Ollama's tools and Anthropic's are called with objects, OpenAI's with their text. */
function written(value: unknown): unknown {
  return isObject(value) ? JSON.stringify(value) : value
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
