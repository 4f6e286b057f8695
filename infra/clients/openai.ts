import OpenAI, { APIError } from 'openai'
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

const of = (api: Api, maxRetries = 0) =>
  new OpenAI({
    baseURL: `${api.origin}/v1`,
    apiKey: api.key,
    maxRetries,
    defaultHeaders: headersOf(api),
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
      chat: api => of(api).chat.completions.create(CHAT),
      completions: api => of(api).completions.create({ model: MODEL, prompt: QUESTION }),
    },
    streamed: {
      chat: async api => all(await of(api).chat.completions.create({ ...CHAT, stream: true })),
      'chat with usage': async api =>
        all(
          await of(api).chat.completions.create({
            ...CHAT,
            stream: true,
            stream_options: { include_usage: true },
          }),
        ),
      completions: async api =>
        all(await of(api).completions.create({ model: MODEL, prompt: QUESTION, stream: true })),
    },
    'tool calls': {
      plain: api => of(api).chat.completions.create(TOOLS),
      streamed: api => of(api).chat.completions.stream(TOOLS).finalChatCompletion(),
    },
    images: { chat: api => of(api).chat.completions.create(IMAGE) },
    embeddings: {
      'base64 by default': api => of(api).embeddings.create({ model: EMBEDDER, input: ['one', QUESTION] }),
      base64: api =>
        of(api).embeddings.create({ model: EMBEDDER, input: QUESTION, encoding_format: 'base64' }),
      float: api => of(api).embeddings.create({ model: EMBEDDER, input: QUESTION, encoding_format: 'float' }),
    },
    models: {
      // The gateway merges the lists of its upstreams, in the order of the names.
      list: async api => (await all(of(api).models.list())).sort((a, b) => (a.id < b.id ? -1 : 1)),
    },
    responses: {
      plain: api => of(api).responses.create({ model: MODEL, input: QUESTION }),
      streamed: async api =>
        all(await of(api).responses.create({ model: MODEL, input: QUESTION, stream: true })),
      tools: api => of(api).responses.create(RESPONSE_TOOLS),
      'tools streamed': api => of(api).responses.stream(RESPONSE_TOOLS).finalResponse(),
    },
  },
  ask: (api, model = MODEL, retries = 0) => of(api, retries).chat.completions.create({ ...CHAT, model }),
  stream: async (api, onPiece, signal) =>
    all(await of(api).chat.completions.create({ ...CHAT, stream: true }, { signal }), onPiece),
  statusOf: error => (error instanceof APIError ? error.status : undefined),
}
