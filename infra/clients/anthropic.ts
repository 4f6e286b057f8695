import Anthropic, { APIError } from '@anthropic-ai/sdk'
import {
  type Api,
  all,
  type Client,
  headersOf,
  MODEL,
  PNG,
  QUESTION,
  TOOL_QUESTION,
  TOOL_SCHEMA,
} from './client.ts'

const of = (api: Api, maxRetries = 0) =>
  new Anthropic({
    baseURL: api.origin,
    apiKey: api.key,
    maxRetries,
    defaultHeaders: headersOf(api),
  })
const ASK = {
  model: MODEL,
  max_tokens: 200,
  messages: [{ role: 'user' as const, content: QUESTION }],
}
const TOOLS = {
  model: MODEL,
  max_tokens: 200,
  messages: [{ role: 'user' as const, content: TOOL_QUESTION }],
  tools: [{ name: 'get_weather', input_schema: { ...TOOL_SCHEMA, required: [...TOOL_SCHEMA.required] } }],
}
const IMAGE = {
  model: MODEL,
  max_tokens: 200,
  messages: [
    {
      role: 'user' as const,
      content: [
        { type: 'text' as const, text: QUESTION },
        {
          type: 'image' as const,
          source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG },
        },
      ],
    },
  ],
}

export const anthropic: Client = {
  name: '@anthropic-ai/sdk',
  same: {
    plain: {
      message: api => of(api).messages.create(ASK),
      'count of tokens': api => of(api).messages.countTokens({ model: MODEL, messages: ASK.messages }),
    },
    streamed: {
      events: async api => all(await of(api).messages.create({ ...ASK, stream: true })),
      message: api => of(api).messages.stream(ASK).finalMessage(),
    },
    'tool calls': {
      plain: api => of(api).messages.create(TOOLS),
      streamed: api => of(api).messages.stream(TOOLS).finalMessage(),
    },
    images: { message: api => of(api).messages.create(IMAGE) },
  },
  ask: (api, model = MODEL, retries = 0) => of(api, retries).messages.create({ ...ASK, model }),
  stream: async (api, onPiece, signal) =>
    all(await of(api).messages.create({ ...ASK, stream: true }, { signal }), event => {
      if (event.type === 'content_block_delta') onPiece()
    }),
  statusOf: error => (error instanceof APIError ? error.status : undefined),
}
