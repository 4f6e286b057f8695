import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Jina embed and rerank, and Voyage's, which report `total_tokens` alone or `prompt_tokens` beside it. All of it is input:
 * nothing is generated.
 *
 * https://api.jina.ai/redoc (`usage` of embeddings and rerank) and https://docs.voyageai.com/reference/embeddings-api
 */
export const jina = chatConvention('jina', { usageIn: usageAnywhere })
