import { firstCount } from './counts.ts'
import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Alibaba Model Studio, compatible mode. `prompt_tokens` includes what was read from and written to the cache
 * (`cache_creation_input_tokens` of the details, five minutes). `cache_type`, in the raw usage, tells an explicit cache
 * from an implicit one, whose reads are cheaper.
 *
 * https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-openai-chat-completions and /context-cache
 */
export const alibaba = chatConvention('alibaba', { usageIn: usageAnywhere })

/**
 * DeepSeek. `prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` are parts of `prompt_tokens`, and the first is the same
 * as `prompt_tokens_details.cached_tokens` where both are there: one or the other counts. Usage is on the chunk that has
 * the finish reason.
 *
 * https://api-docs.deepseek.com/api/create-chat-completion and /guides/kv_cache
 */
export const deepSeek = chatConvention('deepseek', { usageIn: usageAnywhere })

/**
 * Gemini's OpenAI API. `completion_tokens` leaves out what the model thought, and no detail says how much it was: the
 * output is what the total has beyond the prompt.
 *
 * https://ai.google.dev/gemini-api/docs/openai; the figures are those of `usageMetadata` in
 * https://ai.google.dev/api/generate-content#UsageMetadata, seen in Clarifai/clarifai-python issue 978 (20, 424, 1016)
 */
export const geminiOpenai = chatConvention('gemini-openai', {
  usageIn: usageAnywhere,
  output: (_usage, { prompt, completion, total }) =>
    prompt === undefined || total === undefined ? completion : Math.max(completion ?? 0, total - prompt),
})

/**
 * Jina embed and rerank, and Voyage's, which report `total_tokens` alone or `prompt_tokens` beside it. All of it is input:
 * nothing is generated.
 *
 * https://api.jina.ai/redoc (`usage` of embeddings and rerank) and https://docs.voyageai.com/reference/embeddings-api
 */
export const jina = chatConvention('jina', { usageIn: usageAnywhere })

/**
 * LiteLLM as an upstream. Figures are OpenAI's, whatever is behind it: `prompt_tokens` includes the cache, and
 * `cache_read_input_tokens` and `cache_creation_input_tokens` beside it repeat parts of it.
 *
 * https://docs.litellm.ai/docs/completion/prompt_caching
 */
export const liteLlm = chatConvention('litellm', { usageIn: usageAnywhere })

/**
 * Mistral. What came from the cache is in `prompt_tokens_details`, `prompt_token_details` or `num_cached_tokens`, by model and
 * age; thinking is inside `completion_tokens` and not reported apart. Usage comes unasked, on the last chunk.
 *
 * https://docs.mistral.ai/api/endpoint/chat (schema `UsageInfo` of mistralai/platform-docs-public)
 */
export const mistral = chatConvention('mistral', { usageIn: usageAnywhere })

/**
 * Moonshot (Kimi). In a stream usage is in the choice of the last chunk; what came from the cache is `cached_tokens` at the
 * top of it.
 *
 * https://platform.moonshot.ai/docs/api/chat; `extract_usage_from_chunk` of MoonshotAI/kimi-cli
 */
export const moonshot = chatConvention('moonshot', { usageIn: usageAnywhere })

/**
 * OpenRouter. Counts are those of the model's own tokenizer; `prompt_tokens_details.cache_write_tokens` is there where writes
 * have a price. `cost` (US dollars) is OpenRouter's own bill, kept in the raw usage; the price list stays what a call is
 * charged by.
 *
 * https://openrouter.ai/docs/use-cases/usage-accounting; `ChatUsage` of OpenRouterTeam/typescript-sdk
 */
export const openRouter = chatConvention('openrouter', { usageIn: usageAnywhere })

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

/**
 * SGLang, and Azure's DeepSeek, which has the same shape. `reasoning_tokens` is at the top of the usage, inside
 * `completion_tokens`; cached tokens only with `--enable-cache-report`.
 *
 * https://docs.sglang.ai/basic_usage/openai_api_completions.html (`UsageProcessor` in entrypoints/openai)
 */
export const sglang = chatConvention('sglang', { usageIn: usageAnywhere })

/**
 * vLLM. As OpenAI's; details of the prompt only with `--enable-prompt-tokens-details`, and reasoning is inside
 * `completion_tokens` without a figure of its own. With `continuous_usage_stats` usage is in every chunk, and the last counts.
 *
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (`UsageInfo` in entrypoints/openai)
 */
export const vllm = chatConvention('vllm', { usageIn: usageAnywhere })

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
