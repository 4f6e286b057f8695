import { type Answer, composeProse, cutAnswer } from './answer.ts'
import { JSON_TYPE } from './openai-chat.ts'
import {
  type Call,
  isObject,
  type Json,
  joinedText,
  type Message,
  messagesOf,
  stopSequences,
} from './request.ts'
import { sampleJson, sampleSchema } from './sample-schema.ts'
import { speakStream, speakWhole } from './speak.ts'
import { countTokens, tokenize } from './tokens.ts'
import { chooseTool, type ToolCall } from './tool-choice.ts'

const NDJSON = 'application/x-ndjson'
const NS_PER_MS = 1e6

/** `POST /api/chat` (Ollama API, "Generate a chat completion"); an empty list of messages only loads the model. */
export async function ollamaChat(call: Call): Promise<void> {
  const { body } = call
  if (Array.isArray(body.messages) && body.messages.length === 0) {
    return loaded(call, { message: { role: 'assistant', content: '' } })
  }
  const messages = messagesOf(body)
  const prompt = joinedText(messages)
  const tool = chooseTool(body, messages, prompt, undefined)
  await answer(call, prompt, tool, (text, calls) => ({
    message: { role: 'assistant', content: text, ...(calls ? { tool_calls: calls } : undefined) },
  }))
}

/** `POST /api/generate` (Ollama API, "Generate a completion"); an empty prompt only loads the model. */
export async function ollamaGenerate(call: Call): Promise<void> {
  const prompt = typeof call.body.prompt === 'string' ? call.body.prompt : ''
  if (prompt === '') return loaded(call, { response: '' })
  const system = typeof call.body.system === 'string' ? call.body.system : ''
  const messages: Message[] = [
    { role: 'system', text: system },
    { role: 'user', text: prompt },
  ]
  await answer(call, system === '' ? prompt : joinedText(messages), undefined, text => ({ response: text }))
}

type Carry = (text: string, toolCalls?: Json[]) => Json

async function answer(call: Call, prompt: string, tool: ToolCall | undefined, carry: Carry): Promise<void> {
  const { body, exchange } = call
  const promptTokens = countTokens(prompt) + (body.tools ? countTokens(JSON.stringify(body.tools)) : 0)
  exchange.stats.tokensIn += promptTokens
  const { tokens, finish } = compose(call, prompt, tool)
  const calls = tool && [{ function: { name: tool.name, arguments: tool.arguments } }]
  const started = call.clockNs()
  const last = () => final(call, promptTokens, tokens.length, finish, started)
  if (body.stream === false) {
    await speakWhole(exchange, tokens.length, JSON_TYPE, () =>
      JSON.stringify({ ...head(call), ...carry(calls ? '' : tokens.join(''), calls), ...last() }),
    )
    return
  }
  const line = (value: Json) => `${JSON.stringify({ ...head(call), ...value })}\n`
  await speakStream(exchange, {
    contentType: NDJSON,
    prelude: '',
    count: tokens.length,
    // A tool call comes whole, in one line; its tokens have only taken their time.
    frame: i => {
      if (!calls) return line({ ...carry(tokens[i] ?? ''), done: false })
      return i === tokens.length - 1 ? line({ ...carry('', calls), done: false }) : ''
    },
    coda: () => line({ ...carry(''), ...last() }),
    errorFrame: `${JSON.stringify({ error: 'the simulated model broke down' })}\n`,
  })
}

function compose(call: Call, prompt: string, tool: ToolCall | undefined): Answer {
  const { body, exchange, config } = call
  const options = isObject(body.options) ? body.options : {}
  // A negative `num_predict` is Ollama's "no limit".
  const predict = typeof options.num_predict === 'number' ? options.num_predict : config.maxTokens
  const limit = predict >= 0 ? Math.floor(predict) : undefined
  if (tool) return cutAnswer(tokenize(JSON.stringify(tool.arguments)), undefined, [])
  const value = isObject(body.format)
    ? sampleSchema(body.format, prompt)
    : body.format === 'json'
      ? sampleJson(prompt)
      : undefined
  const tokens =
    value === undefined
      ? composeProse(prompt, `${call.model} ${String(options.seed ?? '')}`, exchange.behaviour.answerTokens)
      : tokenize(JSON.stringify(value))
  return cutAnswer(tokens, limit, stopSequences(options.stop))
}

function head(call: Call): Json {
  return { model: call.body.model, created_at: new Date(call.nowMs).toISOString() }
}

/** Durations are nanoseconds. */
function final(
  call: Call,
  promptTokens: number,
  tokens: number,
  finish: Answer['finish'],
  started: bigint,
): Json {
  const totalNs = Number(call.clockNs() - started)
  const promptNs = Math.min(totalNs, Math.round(call.exchange.behaviour.latencyMs * NS_PER_MS))
  return {
    done: true,
    done_reason: finish,
    total_duration: totalNs,
    load_duration: 0,
    prompt_eval_count: promptTokens,
    prompt_eval_duration: promptNs,
    eval_count: tokens,
    eval_duration: totalNs - promptNs,
  }
}

async function loaded(call: Call, carried: Json): Promise<void> {
  const text = JSON.stringify({ ...head(call), ...carried, done: true, done_reason: 'load' })
  await speakWhole(call.exchange, 0, JSON_TYPE, () => text)
}
