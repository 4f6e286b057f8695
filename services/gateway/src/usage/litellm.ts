import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * LiteLLM as an upstream. Figures are OpenAI's, whatever is behind it: `prompt_tokens` includes the cache, and
 * `cache_read_input_tokens` and `cache_creation_input_tokens` beside it repeat parts of it.
 *
 * https://docs.litellm.ai/docs/completion/prompt_caching
 */
export const liteLlm = chatConvention('litellm', { usageIn: usageAnywhere })
