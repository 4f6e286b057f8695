import { composeProse, cutAnswer } from './answer.ts'
import { head, interleaved, JSON_TYPE, SSE, sse, usageOf } from './openai-chat.ts'
import { type Call, isObject, type Json, positiveInteger, RequestFault, stopSequences } from './request.ts'
import { speakStream, speakWhole } from './speak.ts'
import { countTokens } from './tokens.ts'

/** The legacy endpoint's own default (OpenAI API reference, "Completions"). */
const DEFAULT_MAX_TOKENS = 16

/** `POST /v1/completions`: one choice, or `n` of them, for each prompt. */
export async function completion(call: Call): Promise<void> {
  const { body, exchange } = call
  const prompts = [body.prompt].flat().filter(prompt => typeof prompt === 'string')
  if (prompts.length === 0) {
    throw new RequestFault(400, "Missing required parameter: 'prompt'.", { param: 'prompt' })
  }
  const limit = positiveInteger(body, 'max_tokens') ?? DEFAULT_MAX_TOKENS
  const perPrompt = positiveInteger(body, 'n') ?? 1
  const choices = prompts.flatMap(prompt =>
    Array.from({ length: perPrompt }, (_, i) => {
      const tokens = composeProse(prompt, `${call.model} ${i}`, exchange.behaviour.answerTokens)
      return cutAnswer(tokens, limit, stopSequences(body.stop))
    }),
  )
  const promptTokens = prompts.reduce((sum, prompt) => sum + countTokens(prompt), 0)
  exchange.stats.tokensIn += promptTokens
  const frames = interleaved(choices)
  const usage = usageOf(promptTokens, frames.length)
  const opening = head(call, 'text_completion', call.newId())
  const one = (index: number, text: string, finish: string | null) => ({
    index,
    text,
    logprobs: null,
    finish_reason: finish,
  })
  if (body.stream !== true) {
    const whole = choices.map(({ tokens, finish }, index) => one(index, tokens.join(''), finish))
    await speakWhole(exchange, frames.length, JSON_TYPE, () =>
      JSON.stringify({ ...opening, choices: whole, usage }),
    )
    return
  }
  const wantsUsage = isObject(body.stream_options) && body.stream_options.include_usage === true
  const chunk = (choice: Json) =>
    sse({ ...opening, choices: [choice], ...(wantsUsage ? { usage: null } : undefined) })
  await speakStream(exchange, {
    contentType: SSE,
    prelude: '',
    count: frames.length,
    frame: i => chunk(one(frames[i]![0], frames[i]![1], null)),
    coda: () =>
      choices.map(({ finish }, index) => chunk(one(index, '', finish))).join('') +
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
