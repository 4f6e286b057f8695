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
  all,
  type Client,
  EMBEDDER,
  type Face,
  headersOf,
  MODEL,
  PNG,
  QUESTION,
  TOOL_QUESTION,
  TOOL_SCHEMA,
} from './client.ts'

type Model = (face: Face, model: string) => LanguageModel
type Embedder = (face: Face) => Parameters<typeof embedMany>[0]['model']

const settings = (face: Face) => ({
  baseURL: `${face.origin}/v1`,
  apiKey: face.key,
  headers: headersOf(face),
})
const openaiOf = (face: Face) => createOpenAI(settings(face))
const compatibleOf = (face: Face) =>
  createOpenAICompatible({ name: 'gateway', includeUsage: true, ...settings(face) })
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
  const ask = (face: Face, prompt: string) =>
    generateText({ model: modelOf(face, MODEL), prompt, tools: TOOLS, maxRetries: 0 }).then(seen)
  return {
    name,
    same: {
      plain: { generateText: face => ask(face, QUESTION) },
      streamed: { streamText: face => streamed(modelOf(face, MODEL), QUESTION) },
      'tool calls': {
        plain: face => ask(face, TOOL_QUESTION),
        streamed: face => streamed(modelOf(face, MODEL), TOOL_QUESTION),
      },
      images: {
        generateText: face =>
          generateText({ model: modelOf(face, MODEL), messages: IMAGE, maxRetries: 0 }).then(seen),
      },
      embeddings: {
        embedMany: async face => {
          const values = ['one', QUESTION]
          const { embeddings, usage } = await embedMany({ model: embedderOf(face), values, maxRetries: 0 })
          return { embeddings, usage }
        },
      },
    },
    ask: (face, model = MODEL, retries = 0) =>
      generateText({ model: modelOf(face, model), prompt: QUESTION, maxRetries: retries }),
    stream: (face, onPiece, signal) => streamed(modelOf(face, MODEL), QUESTION, onPiece, signal),
    statusOf: error => (APICallError.isInstance(error) ? error.statusCode : undefined),
  }
}

export const vercelAi: readonly Client[] = [
  clientOf(
    'ai + @ai-sdk/openai (responses)',
    (face, model) => openaiOf(face).responses(model),
    face => openaiOf(face).embedding(EMBEDDER),
  ),
  clientOf(
    'ai + @ai-sdk/openai (chat)',
    (face, model) => openaiOf(face).chat(model),
    face => openaiOf(face).embedding(EMBEDDER),
  ),
  clientOf(
    'ai + @ai-sdk/openai-compatible',
    (face, model) => compatibleOf(face).chatModel(model),
    face => compatibleOf(face).embeddingModel(EMBEDDER),
  ),
]
