import { composeProse, cutAnswer } from './answer.ts'
import { JSON_TYPE, SSE } from './openai-chat.ts'
import {
  type Call,
  contentText,
  type Json,
  joinedText,
  messagesOf,
  positiveInteger,
  RequestFault,
} from './request.ts'
import { speakStream, speakWhole } from './speak.ts'
import { countTokens, tokenize } from './tokens.ts'
import { chooseTool } from './tool-choice.ts'

/** `POST /v1/messages` (Anthropic API, "Messages"), as Ollama serves it too. */
export async function anthropicMessage(call: Call): Promise<void> {
  const { body, exchange } = call
  const limit = positiveInteger(body, 'max_tokens')
  if (limit === undefined) throw new RequestFault(400, 'max_tokens: Field required', { param: 'max_tokens' })
  const messages = messagesOf(body)
  const system = contentText(body.system)
  const prompt = joinedText([{ role: 'system', text: system }, ...messages]).trim()
  const inputTokens = countTokens(prompt) + (body.tools ? countTokens(JSON.stringify(body.tools)) : 0)
  exchange.stats.tokensIn += inputTokens
  const tool = chooseTool(body, messages, prompt, body.tool_choice)
  const stops = Array.isArray(body.stop_sequences) ? body.stop_sequences.map(String) : []
  const written = tool
    ? tokenize(JSON.stringify(tool.arguments))
    : composeProse(prompt, call.model, exchange.behaviour.answerTokens)
  const { tokens, finish } = cutAnswer(written, limit, stops)
  const id = `msg_${call.newId()}`
  const toolId = `toolu_${call.newId()}`
  const stopReason = finish === 'length' ? 'max_tokens' : tool ? 'tool_use' : 'end_turn'
  const message = (content: Json[], stop: string | null, outputTokens: number) => ({
    id,
    type: 'message',
    role: 'assistant',
    model: call.model,
    content,
    stop_reason: stop,
    stop_sequence: null,
    usage: { input_tokens: inputTokens, output_tokens: outputTokens },
  })
  const block = (text: string, input: unknown): Json =>
    tool ? { type: 'tool_use', id: toolId, name: tool.name, input } : { type: 'text', text }
  if (body.stream !== true) {
    const whole = message([block(tokens.join(''), tool?.arguments)], stopReason, tokens.length)
    await speakWhole(exchange, tokens.length, JSON_TYPE, () => JSON.stringify(whole))
    return
  }
  await speakStream(exchange, {
    contentType: SSE,
    prelude:
      frame({ type: 'message_start', message: message([], null, 1) }) +
      frame({ type: 'content_block_start', index: 0, content_block: block('', {}) }) +
      frame({ type: 'ping' }),
    count: tokens.length,
    frame: i => {
      const text = tokens[i] ?? ''
      const delta = tool ? { type: 'input_json_delta', partial_json: text } : { type: 'text_delta', text }
      return frame({ type: 'content_block_delta', index: 0, delta })
    },
    coda: () =>
      frame({ type: 'content_block_stop', index: 0 }) +
      frame({
        type: 'message_delta',
        delta: { stop_reason: stopReason, stop_sequence: null },
        usage: { output_tokens: tokens.length },
      }) +
      frame({ type: 'message_stop' }),
    errorFrame: frame({
      type: 'error',
      error: { type: 'api_error', message: 'The simulated model broke down.' },
    }),
  })
}

/** `POST /v1/messages/count_tokens`. */
export async function anthropicCount(call: Call): Promise<void> {
  const prompt = `${contentText(call.body.system)}\n${joinedText(messagesOf(call.body))}`.trim()
  await speakWhole(call.exchange, 0, JSON_TYPE, () => JSON.stringify({ input_tokens: countTokens(prompt) }))
}

/** Clients skip frames without an event name. */
function frame(value: Json & { type: string }): string {
  return `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`
}
