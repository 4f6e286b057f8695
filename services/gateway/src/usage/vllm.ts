import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * vLLM. As OpenAI's; details of the prompt only with `--enable-prompt-tokens-details`, and reasoning is inside
 * `completion_tokens` without a figure of its own. With `continuous_usage_stats` usage is in every chunk, and the last counts.
 *
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (`UsageInfo` in entrypoints/openai)
 */
export const vllm = chatConvention('vllm', { usageIn: usageAnywhere })
