import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Mistral. What came from the cache is in `prompt_tokens_details`, `prompt_token_details` or `num_cached_tokens`, by model and
 * age; thinking is inside `completion_tokens` and not reported apart. Usage comes unasked, on the last chunk.
 *
 * https://docs.mistral.ai/api/endpoint/chat (schema `UsageInfo` of mistralai/platform-docs-public)
 */
export const mistral = chatConvention('mistral', { usageIn: usageAnywhere })
