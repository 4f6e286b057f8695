import { Ollama } from 'ollama'
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

const of = (api: Api) =>
  new Ollama({ host: api.origin, headers: { authorization: `Bearer ${api.key}`, ...headersOf(api) } })
const CHAT = { model: MODEL, messages: [{ role: 'user', content: QUESTION }] }
const TOOLS = {
  model: MODEL,
  messages: [{ role: 'user', content: TOOL_QUESTION }],
  tools: [
    {
      type: 'function',
      function: {
        name: 'get_weather',
        description: 'The weather of a city',
        parameters: {
          type: 'object',
          properties: { city: { type: 'string' }, days: { type: 'integer' } },
          required: [...TOOL_SCHEMA.required],
        },
      },
    },
  ],
}
const IMAGE = { model: MODEL, messages: [{ role: 'user', content: QUESTION, images: [PNG] }] }

export const ollama: Client = {
  name: 'ollama',
  same: {
    plain: {
      chat: api => of(api).chat(CHAT),
      generate: api => of(api).generate({ model: MODEL, prompt: QUESTION }),
      show: api => of(api).show({ model: MODEL }),
      version: api => of(api).version(),
    },
    streamed: {
      chat: async api => all(await of(api).chat({ ...CHAT, stream: true })),
      generate: async api => all(await of(api).generate({ model: MODEL, prompt: QUESTION, stream: true })),
    },
    'tool calls': {
      plain: api => of(api).chat(TOOLS),
      streamed: async api => all(await of(api).chat({ ...TOOLS, stream: true })),
    },
    images: {
      chat: api => of(api).chat(IMAGE),
      generate: api => of(api).generate({ model: MODEL, prompt: QUESTION, images: [PNG] }),
    },
    embeddings: { embed: api => of(api).embed({ model: EMBEDDER, input: ['one', QUESTION] }) },
    models: {
      // The gateway merges the lists of its upstreams, in the order of the names.
      tags: async api => (await of(api).list()).models.sort((a, b) => (a.name < b.name ? -1 : 1)),
    },
  },
  ask: (api, model = MODEL) => of(api).chat({ ...CHAT, model }),
  async stream(api, onPiece, signal) {
    const pieces = await of(api).chat({ ...CHAT, stream: true })
    signal.addEventListener('abort', () => pieces.abort())
    return await all(pieces, onPiece)
  },
  statusOf: error => (error as { status_code?: number }).status_code,
}
