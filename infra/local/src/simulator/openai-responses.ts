import { composeProse, cutAnswer } from './answer.ts'
import { JSON_TYPE, SSE } from './openai-chat.ts'
import {
  type Call,
  contentText,
  isObject,
  type Json,
  type Message,
  positiveInteger,
  RequestFault,
} from './request.ts'
import { sampleJson, sampleSchema } from './sample-schema.ts'
import { speakStream, speakWhole } from './speak.ts'
import { countTokens, tokenize } from './tokens.ts'
import { chooseTool, type ToolCall } from './tool-choice.ts'

interface Output {
  readonly item: (status: string, text: string) => Json
  readonly part: (text: string) => Json
  readonly tool: ToolCall | undefined
  readonly itemId: string
}

/** `POST /v1/responses` (OpenAI API reference, "Responses"), stateless: nothing is stored. */
export async function response(call: Call): Promise<void> {
  const { body, exchange } = call
  const messages = inputOf(body)
  const prompt = messages.map(message => message.text).join('\n')
  const inputTokens = countTokens(prompt) + (body.tools ? countTokens(JSON.stringify(body.tools)) : 0)
  exchange.stats.tokensIn += inputTokens
  const tool = chooseTool(body, messages, prompt, body.tool_choice)
  const written = tool ? tokenize(JSON.stringify(tool.arguments)) : compose(call, prompt)
  const limit = positiveInteger(body, 'max_output_tokens') ?? call.config.maxTokens
  const { tokens, finish } = cutAnswer(written, limit, [])
  const output = outputOf(tool, call.newId())
  const text = tokens.join('')
  const ended = finish === 'stop' ? 'completed' : 'incomplete'
  const id = `resp_${call.newId()}`
  const opening = envelope(call, id, 'in_progress', [], null)
  const closing = envelope(call, id, ended, [output.item(ended, text)], {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: tokens.length,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + tokens.length,
  })
  if (body.stream !== true) {
    await speakWhole(exchange, tokens.length, JSON_TYPE, () => JSON.stringify(closing))
    return
  }
  await stream(call, output, tokens, ended, opening, closing)
}

async function stream(
  call: Call,
  output: Output,
  tokens: readonly string[],
  ended: string,
  opening: Json,
  closing: Json,
): Promise<void> {
  let sequence = 0
  const frame = (type: string, value: Json) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...value })}\n\n`
  const { item, part, tool, itemId } = output
  const at = { item_id: itemId, output_index: 0, ...(tool ? undefined : { content_index: 0 }) }
  const deltaType = tool ? 'response.function_call_arguments.delta' : 'response.output_text.delta'
  const text = tokens.join('')
  const done = tool
    ? () => frame('response.function_call_arguments.done', { ...at, name: tool.name, arguments: text })
    : () =>
        frame('response.output_text.done', { ...at, text, logprobs: [] }) +
        frame('response.content_part.done', { ...at, part: part(text) })
  await speakStream(call.exchange, {
    contentType: SSE,
    prelude:
      frame('response.created', { response: opening }) +
      frame('response.in_progress', { response: opening }) +
      frame('response.output_item.added', { output_index: 0, item: item('in_progress', '') }) +
      (tool ? '' : frame('response.content_part.added', { ...at, part: part('') })),
    count: tokens.length,
    frame: i => frame(deltaType, { ...at, delta: tokens[i] ?? '', ...(tool ? undefined : { logprobs: [] }) }),
    coda: () =>
      done() +
      frame('response.output_item.done', { output_index: 0, item: item(ended, text) }) +
      frame(`response.${ended}`, { response: closing }),
    errorFrame: `event: error\ndata: ${JSON.stringify({
      type: 'error',
      code: 'server_error',
      message: 'The simulated model broke down.',
      param: null,
    })}\n\n`,
  })
}

function outputOf(tool: ToolCall | undefined, id: string): Output {
  const itemId = tool ? `fc_${id}` : `msg_${id}`
  const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
  const item = (status: string, text: string) =>
    tool
      ? { id: itemId, type: 'function_call', status, call_id: `call_${id}`, name: tool.name, arguments: text }
      : { id: itemId, type: 'message', status, role: 'assistant', content: text === '' ? [] : [part(text)] }
  return { item, part, tool, itemId }
}

/** `input` is a text or a list of messages and tool results. */
function inputOf(body: Json): Message[] {
  const instructions =
    typeof body.instructions === 'string' ? [{ role: 'system', text: body.instructions }] : []
  if (typeof body.input === 'string') return [...instructions, { role: 'user', text: body.input }]
  if (!Array.isArray(body.input) || body.input.length === 0) {
    throw new RequestFault(400, "Missing required parameter: 'input'.", { param: 'input' })
  }
  const items = body.input.filter(isObject).map(item => ({
    role: typeof item.role === 'string' ? item.role : 'tool',
    text: contentText(item.content ?? item.output ?? item.arguments),
  }))
  return [...instructions, ...items]
}

function compose(call: Call, prompt: string): string[] {
  const format = isObject(call.body.text) ? call.body.text.format : undefined
  if (isObject(format) && format.type === 'json_schema' && isObject(format.schema)) {
    return tokenize(JSON.stringify(sampleSchema(format.schema, prompt)))
  }
  if (isObject(format) && format.type === 'json_object') return tokenize(JSON.stringify(sampleJson(prompt)))
  return composeProse(prompt, call.model, call.exchange.behaviour.answerTokens)
}

function envelope(call: Call, id: string, status: string, output: Json[], usage: Json | null): Json {
  const { body } = call
  return {
    id,
    object: 'response',
    created_at: Math.floor(call.nowMs / 1_000),
    status,
    error: null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    model: call.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    usage,
    metadata: body.metadata ?? {},
  }
}
