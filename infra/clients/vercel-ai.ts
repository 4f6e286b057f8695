import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import {
  APICallError,
  embedMany,
  generateText,
  jsonSchema,
  type LanguageModel,
  streamText,
  type ToolSet,
} from 'ai'
import {
  type Api,
  all,
  type Client,
  EMBEDDER,
  headersOf,
  MODEL,
  PNG,
  QUESTION,
  TOOL_QUESTION,
  TOOL_SCHEMA,
} from './client.ts'

type Model = (api: Api, model: string) => LanguageModel
type Embedder = (api: Api) => Parameters<typeof embedMany>[0]['model']

const settings = (api: Api) => ({
  baseURL: `${api.origin}/v1`,
  apiKey: api.key,
  headers: headersOf(api),
})
const openaiOf = (api: Api) => createOpenAI(settings(api))
const compatibleOf = (api: Api) =>
  createOpenAICompatible({ name: 'gateway', includeUsage: true, ...settings(api) })
const TOOLS: ToolSet = {
  get_weather: { inputSchema: jsonSchema({ ...TOOL_SCHEMA, required: [...TOOL_SCHEMA.required] }) },
}
const IMAGE = [
  {
    role: 'user' as const,
    content: [
      { type: 'text' as const, text: QUESTION },
      { type: 'file' as const, data: PNG, mediaType: 'image/png' },
    ],
  },
]

/** What a caller sees of a result, without the times and ids that the library makes up itself. */
async function seen(result: {
  text: PromiseLike<string> | string
  finishReason: PromiseLike<unknown> | unknown
  usage: PromiseLike<unknown> | unknown
  toolCalls: PromiseLike<ReadonlyArray<unknown>> | ReadonlyArray<unknown>
}): Promise<unknown> {
  return {
    text: await result.text,
    finishReason: await result.finishReason,
    usage: await result.usage,
    toolCalls: await result.toolCalls,
  }
}

/** A stream's errors come as parts; here they are raised, as most users of the library do. */
async function streamed(
  model: LanguageModel,
  prompt: string,
  onPiece = () => {},
  signal?: AbortSignal,
): Promise<unknown> {
  const result = streamText({
    model,
    prompt,
    tools: TOOLS,
    maxRetries: 0,
    onError: () => {},
    ...(signal ? { abortSignal: signal } : {}),
  })
  const pieces = await all(result.fullStream, part => {
    if (part.type === 'error') throw part.error
    if (part.type === 'abort') throw new Error('aborted')
    if (part.type === 'text-delta') onPiece()
  })
  return { types: pieces.map(part => part.type), ...((await seen(result)) as object) }
}

function clientOf(name: string, modelOf: Model, embedderOf: Embedder): Client {
  const ask = (api: Api, prompt: string) =>
    generateText({ model: modelOf(api, MODEL), prompt, tools: TOOLS, maxRetries: 0 }).then(seen)
  return {
    name,
    same: {
      plain: { generateText: api => ask(api, QUESTION) },
      streamed: { streamText: api => streamed(modelOf(api, MODEL), QUESTION) },
      'tool calls': {
        plain: api => ask(api, TOOL_QUESTION),
        streamed: api => streamed(modelOf(api, MODEL), TOOL_QUESTION),
      },
      images: {
        generateText: api =>
          generateText({ model: modelOf(api, MODEL), messages: IMAGE, maxRetries: 0 }).then(seen),
      },
      embeddings: {
        embedMany: async api => {
          const values = ['one', QUESTION]
          const { embeddings, usage } = await embedMany({ model: embedderOf(api), values, maxRetries: 0 })
          return { embeddings, usage }
        },
      },
    },
    ask: (api, model = MODEL, retries = 0) =>
      generateText({ model: modelOf(api, model), prompt: QUESTION, maxRetries: retries }),
    stream: (api, onPiece, signal) => streamed(modelOf(api, MODEL), QUESTION, onPiece, signal),
    statusOf: error => (APICallError.isInstance(error) ? error.statusCode : undefined),
  }
}

export const vercelAi: readonly Client[] = [
  clientOf(
    'ai + @ai-sdk/openai (responses)',
    (api, model) => openaiOf(api).responses(model),
    api => openaiOf(api).embedding(EMBEDDER),
  ),
  clientOf(
    'ai + @ai-sdk/openai (chat)',
    (api, model) => openaiOf(api).chat(model),
    api => openaiOf(api).embedding(EMBEDDER),
  ),
  clientOf(
    'ai + @ai-sdk/openai-compatible',
    (api, model) => compatibleOf(api).chatModel(model),
    api => compatibleOf(api).embeddingModel(EMBEDDER),
  ),
]
