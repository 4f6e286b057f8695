import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * SGLang, and Azure's DeepSeek, which has the same shape. `reasoning_tokens` is at the top of the usage, inside
 * `completion_tokens`; cached tokens only with `--enable-cache-report`.
 *
 * https://docs.sglang.ai/basic_usage/openai_api_completions.html (`UsageProcessor` in entrypoints/openai)
 */
export const sglang = chatConvention('sglang', { usageIn: usageAnywhere })
