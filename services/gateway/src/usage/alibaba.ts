import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Alibaba Model Studio, compatible mode. `prompt_tokens` includes what was read from and written to the cache
 * (`cache_creation_input_tokens` of the details, five minutes). `cache_type`, in the raw usage, tells an explicit cache
 * from an implicit one, whose reads are cheaper.
 *
 * https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-openai-chat-completions and /context-cache
 */
export const alibaba = chatConvention('alibaba', { usageIn: usageAnywhere })
