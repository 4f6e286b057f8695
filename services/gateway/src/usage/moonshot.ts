import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Moonshot (Kimi). In a stream usage is in the choice of the last chunk; what came from the cache is `cached_tokens` at the
 * top of it.
 *
 * https://platform.moonshot.ai/docs/api/chat; `extract_usage_from_chunk` of MoonshotAI/kimi-cli
 */
export const moonshot = chatConvention('moonshot', { usageIn: usageAnywhere })
