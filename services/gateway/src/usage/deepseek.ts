import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * DeepSeek. `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` are parts of `prompt_tokens`, and the first is the same
 * as `prompt_tokens_details.cached_tokens` where both are there: one or the other counts. Usage is on the chunk that has
 * the finish reason.
 *
 * https://api-docs.deepseek.com/api/create-chat-completion and /guides/kv_cache
 */
export const deepSeek = chatConvention('deepseek', { usageIn: usageAnywhere })
