import OpenAI, { APIError } from 'openai'
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

const of = (face: Face, maxRetries = 0) =>
  new OpenAI({
    baseURL: `${face.origin}/v1`,
    apiKey: face.key,
    maxRetries,
    defaultHeaders: headersOf(face),
  })
const CHAT = { model: MODEL, messages: [{ role: 'user' as const, content: QUESTION }] }
const TOOLS = {
  model: MODEL,
  messages: [{ role: 'user', content: TOOL_QUESTION }],
  tools: [{ type: 'function', function: { name: 'get_weather', parameters: { ...TOOL_SCHEMA } } }],
} satisfies Omit<OpenAI.ChatCompletionCreateParams, 'stream'>
const RESPONSE_TOOLS = {
  model: MODEL,
  input: TOOL_QUESTION,
  tools: [{ type: 'function' as const, name: 'get_weather', parameters: { ...TOOL_SCHEMA }, strict: false }],
}
const IMAGE = {
  model: MODEL,
  messages: [
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: QUESTION },
        { type: 'image_url' as const, image_url: { url: `data:image/png;base64,${PNG}` } },
      ],
    },
  ],
}

export const openai: Client = {
  name: 'openai',
  same: {
    plain: {
      chat: face => of(face).chat.completions.create(CHAT),
      completions: face => of(face).completions.create({ model: MODEL, prompt: QUESTION }),
    },
    streamed: {
      chat: async face => all(await of(face).chat.completions.create({ ...CHAT, stream: true })),
      'chat with usage': async face =>
        all(
          await of(face).chat.completions.create({
            ...CHAT,
            stream: true,
            stream_options: { include_usage: true },
          }),
        ),
      completions: async face =>
        all(await of(face).completions.create({ model: MODEL, prompt: QUESTION, stream: true })),
    },
    'tool calls': {
      plain: face => of(face).chat.completions.create(TOOLS),
      streamed: face => of(face).chat.completions.stream(TOOLS).finalChatCompletion(),
    },
    images: { chat: face => of(face).chat.completions.create(IMAGE) },
    embeddings: {
      'base64 by default': face => of(face).embeddings.create({ model: EMBEDDER, input: ['one', QUESTION] }),
      base64: face =>
        of(face).embeddings.create({ model: EMBEDDER, input: QUESTION, encoding_format: 'base64' }),
      float: face =>
        of(face).embeddings.create({ model: EMBEDDER, input: QUESTION, encoding_format: 'float' }),
    },
    models: {
      // The gateway merges the lists of its upstreams, in the order of the names.
      list: async face => (await all(of(face).models.list())).sort((a, b) => (a.id < b.id ? -1 : 1)),
    },
    responses: {
      plain: face => of(face).responses.create({ model: MODEL, input: QUESTION }),
      streamed: async face =>
        all(await of(face).responses.create({ model: MODEL, input: QUESTION, stream: true })),
      tools: face => of(face).responses.create(RESPONSE_TOOLS),
      'tools streamed': face => of(face).responses.stream(RESPONSE_TOOLS).finalResponse(),
    },
  },
  ask: (face, model = MODEL, retries = 0) => of(face, retries).chat.completions.create({ ...CHAT, model }),
  stream: async (face, onPiece, signal) =>
    all(await of(face).chat.completions.create({ ...CHAT, stream: true }, { signal }), onPiece),
  statusOf: error => (error instanceof APIError ? error.status : undefined),
}
