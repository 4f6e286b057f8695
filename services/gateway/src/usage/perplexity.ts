import { firstCount } from './counts.ts'
import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Perplexity Sonar. Usage is in every chunk and grows: the last one counts. Research models bill `reasoning_tokens` and
 * `citation_tokens` beside `completion_tokens`; whether other models have reasoning inside is disputed, and `usage.cost`,
 * kept in the raw usage, is Perplexity's own bill.
 *
 * https://docs.perplexity.ai/getting-started/pricing and /api-reference/chat-completions-post
 */
export const perplexity = chatConvention('perplexity', {
  usageIn: usageAnywhere,
  output: (usage, { completion, reasoning }) =>
    completion === undefined
      ? undefined
      : completion + (reasoning ?? 0) + (firstCount(usage, 'citation_tokens') ?? 0),
})
