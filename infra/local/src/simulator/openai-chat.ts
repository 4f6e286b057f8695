import { type Answer, composeProse, cutAnswer } from './answer.ts'
import {
  type Call,
  isObject,
  type Json,
  joinedText,
  messagesOf,
  positiveInteger,
  stopSequences,
} from './request.ts'
import { sampleJson, sampleSchema } from './sample-schema.ts'
import { speakStream, speakWhole } from './speak.ts'
import { countTokens, tokenize } from './tokens.ts'
import { chooseTool, type ToolCall } from './tool-choice.ts'

const MAX_CHOICES = 128
export const SSE = 'text/event-stream; charset=utf-8'
export const JSON_TYPE = 'application/json'

export interface Choice extends Answer {
  readonly tool: (ToolCall & { id: string }) | undefined
}

/** `POST /v1/chat/completions` (OpenAI API reference, "Chat Completions"). */
export async function chatCompletion(call: Call): Promise<void> {
  const { body, exchange } = call
  const messages = messagesOf(body)
  const prompt = joinedText(messages)
  const promptTokens = countTokens(prompt) + (body.tools ? countTokens(JSON.stringify(body.tools)) : 0)
  exchange.stats.tokensIn += promptTokens
  const limit =
    positiveInteger(body, 'max_completion_tokens') ??
    positiveInteger(body, 'max_tokens') ??
    call.config.maxTokens
  const count = Math.min(positiveInteger(body, 'n') ?? 1, MAX_CHOICES)
  const tool = chooseTool(body, messages, prompt, body.tool_choice)
  const choices = Array.from({ length: count }, (_, i): Choice => {
    if (tool) {
      const id = `call_${call.newId()}`
      return { ...cutAnswer(tokenize(JSON.stringify(tool.arguments)), limit, []), tool: { ...tool, id } }
    }
    const tokens =
      structured(body.response_format, prompt) ??
      composeProse(prompt, `${call.model} ${i} ${String(body.seed ?? '')}`, exchange.behaviour.answerTokens)
    return { ...cutAnswer(tokens, limit, stopSequences(body.stop)), tool: undefined }
  })
  const usage = usageOf(
    promptTokens,
    choices.reduce((sum, choice) => sum + choice.tokens.length, 0),
  )
  if (body.stream === true) return streamChat(call, choices, usage)
  const text = JSON.stringify({
    ...head(call, 'chat.completion', call.newId()),
    choices: choices.map((choice, index) => ({
      index,
      message: {
        role: 'assistant',
        content: choice.tool ? null : choice.tokens.join(''),
        refusal: null,
        ...(choice.tool ? { tool_calls: [toolCall(choice.tool, choice.tokens.join(''))] } : undefined),
      },
      logprobs: null,
      finish_reason: finishReason(choice),
    })),
    ...(exchange.behaviour.reportsUsage ? { usage } : undefined),
  })
  await speakWhole(exchange, usage.completion_tokens, JSON_TYPE, () => text)
}

async function streamChat(call: Call, choices: readonly Choice[], usage: Json): Promise<void> {
  const { stream_options: options } = call.body
  const wantsUsage =
    call.exchange.behaviour.reportsUsage && isObject(options) && options.include_usage === true
  const opening = head(call, 'chat.completion.chunk', call.newId())
  const chunk = (index: number, delta: Json, finish: string | null = null) =>
    sse({
      ...opening,
      choices: [{ index, delta, logprobs: null, finish_reason: finish }],
      ...(wantsUsage ? { usage: null } : undefined),
    })
  const frames = interleaved(choices)
  await speakStream(call.exchange, {
    contentType: SSE,
    prelude: choices.map((choice, index) => chunk(index, firstDelta(choice))).join(''),
    count: frames.length,
    frame: i => {
      const [index, text] = frames[i]!
      const delta = choices[index]?.tool
        ? { tool_calls: [{ index: 0, function: { arguments: text } }] }
        : { content: text }
      return chunk(index, delta)
    },
    coda: () =>
      choices.map((choice, index) => chunk(index, {}, finishReason(choice))).join('') +
      (wantsUsage ? sse({ ...opening, choices: [], usage }) : '') +
      'data: [DONE]\n\n',
    errorFrame: sse({
      error: {
        message: 'The simulated model broke down.',
        type: 'server_error',
        param: null,
        code: 'simulated',
      },
    }),
  })
}

/** Tokens of all choices in turn, as a server that works on them side by side sends them. */
export function interleaved(choices: readonly Answer[]): [choice: number, text: string][] {
  const longest = Math.max(...choices.map(choice => choice.tokens.length))
  const frames: [number, string][] = []
  for (let at = 0; at < longest; at++) {
    for (const [index, choice] of choices.entries()) {
      const text = choice.tokens[at]
      if (text !== undefined) frames.push([index, text])
    }
  }
  return frames
}

function firstDelta({ tool }: Choice): Json {
  if (!tool) return { role: 'assistant', content: '', refusal: null }
  return { role: 'assistant', content: null, tool_calls: [{ index: 0, ...toolCall(tool, '') }] }
}

function toolCall(tool: { id: string; name: string }, text: string): Json {
  return { id: tool.id, type: 'function', function: { name: tool.name, arguments: text } }
}

function finishReason({ finish, tool }: Choice): string {
  return finish === 'stop' && tool ? 'tool_calls' : finish
}

function structured(format: unknown, prompt: string): string[] | undefined {
  if (!isObject(format)) return undefined
  if (format.type === 'json_object') return tokenize(JSON.stringify(sampleJson(prompt)))
  if (format.type !== 'json_schema' || !isObject(format.json_schema)) return undefined
  const { schema } = format.json_schema
  return isObject(schema) ? tokenize(JSON.stringify(sampleSchema(schema, prompt))) : undefined
}

export function usageOf(promptTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
}

export function head(call: Call, object: string, id: string): Json {
  const prefix = object.startsWith('chat') ? 'chatcmpl' : 'cmpl'
  const created = Math.floor(call.nowMs / 1_000)
  return { id: `${prefix}-${id}`, object, created, model: call.model, system_fingerprint: 'fp_simulator' }
}

export function sse(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
