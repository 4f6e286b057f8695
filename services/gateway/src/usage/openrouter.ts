import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * OpenRouter. Counts are those of the model's own tokenizer; `prompt_tokens_details.cache_write_tokens` is there where writes
 * have a price. `cost` (US dollars) is OpenRouter's own bill, kept in the raw usage; the price list stays what a call is
 * charged by.
 *
 * https://openrouter.ai/docs/use-cases/usage-accounting; `ChatUsage` of OpenRouterTeam/typescript-sdk
 */
export const openRouter = chatConvention('openrouter', { usageIn: usageAnywhere })
