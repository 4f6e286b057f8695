import type { JsonObject } from '@fluxgate/contracts'
import { EventStreamParser, eventObject, JsonLineParser, lineObject, objectOf } from '@fluxgate/contracts'
import type { AnswerForm } from './tap.ts'

/**
 * The text that a model has generated, in an answer or the part of it that came, of any dialect. What does not parse (the
 * torn last frame of a broken stream) counts as nothing. Texts that came side by side (several choices) are put one
 * behind the other.
 */
export function answerText(form: AnswerForm, bytes: Buffer): string {
  const texts = new Texts()
  const read = (part: JsonObject | undefined) => {
    if (part) readMessage(part, texts)
  }
  const bounds = { maxHeldBytes: bytes.length }
  if (form === 'events') feed(new EventStreamParser(event => read(eventObject(event)), bounds), bytes)
  else if (form === 'lines') feed(new JsonLineParser(line => read(lineObject(line)), bounds), bytes)
  else if (form === 'document') read(objectOf(bytes))
  return texts.joined()
}

function feed(parser: EventStreamParser | JsonLineParser, bytes: Buffer): void {
  parser.write(bytes)
  parser.end()
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
