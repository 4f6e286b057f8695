import Anthropic, { APIError } from '@anthropic-ai/sdk'
import {
  all,
  type Client,
  type Face,
  headersOf,
  MODEL,
  PNG,
  QUESTION,
  TOOL_QUESTION,
  TOOL_SCHEMA,
} from './client.ts'

const of = (face: Face, maxRetries = 0) =>
  new Anthropic({
    baseURL: face.origin,
    apiKey: face.key,
    maxRetries,
    defaultHeaders: headersOf(face),
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
      message: face => of(face).messages.create(ASK),
      'count of tokens': face => of(face).messages.countTokens({ model: MODEL, messages: ASK.messages }),
    },
    streamed: {
      events: async face => all(await of(face).messages.create({ ...ASK, stream: true })),
      message: face => of(face).messages.stream(ASK).finalMessage(),
    },
    'tool calls': {
      plain: face => of(face).messages.create(TOOLS),
      streamed: face => of(face).messages.stream(TOOLS).finalMessage(),
    },
    images: { message: face => of(face).messages.create(IMAGE) },
  },
  ask: (face, model = MODEL, retries = 0) => of(face, retries).messages.create({ ...ASK, model }),
  stream: async (face, onPiece, signal) =>
    all(await of(face).messages.create({ ...ASK, stream: true }, { signal }), event => {
      if (event.type === 'content_block_delta') onPiece()
    }),
  statusOf: error => (error instanceof APIError ? error.status : undefined),
}
