import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * xAI chat. `completion_tokens` leaves out reasoning, which is billed as output; its responses API includes it. The total
 * says so (12 + 1 + 290 = 303); where a total says that reasoning is inside, it is believed. `cost_in_usd_ticks`
 * (1e-10 US dollars) is xAI's own bill, kept in the raw usage.
 *
 * https://docs.x.ai/docs/guides/reasoning and https://docs.x.ai/docs/api-reference#chat-completions
 */
export const xai = chatConvention('xai', {
  usageIn: usageAnywhere,
  output: (_usage, { prompt, completion, reasoning, total }) => {
    if (completion === undefined || reasoning === undefined) return completion
    const isInside = prompt !== undefined && total === prompt + completion
    return isInside ? completion : completion + reasoning
  },
})
