import { Ollama } from 'ollama'
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

const of = (face: Face) =>
  new Ollama({ host: face.origin, headers: { authorization: `Bearer ${face.key}`, ...headersOf(face) } })
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
      chat: face => of(face).chat(CHAT),
      generate: face => of(face).generate({ model: MODEL, prompt: QUESTION }),
      show: face => of(face).show({ model: MODEL }),
      version: face => of(face).version(),
    },
    streamed: {
      chat: async face => all(await of(face).chat({ ...CHAT, stream: true })),
      generate: async face => all(await of(face).generate({ model: MODEL, prompt: QUESTION, stream: true })),
    },
    'tool calls': {
      plain: face => of(face).chat(TOOLS),
      streamed: async face => all(await of(face).chat({ ...TOOLS, stream: true })),
    },
    images: {
      chat: face => of(face).chat(IMAGE),
      generate: face => of(face).generate({ model: MODEL, prompt: QUESTION, images: [PNG] }),
    },
    embeddings: { embed: face => of(face).embed({ model: EMBEDDER, input: ['one', QUESTION] }) },
    models: {
      // The gateway merges the lists of its upstreams, in the order of the names.
      tags: async face => (await of(face).list()).models.sort((a, b) => (a.name < b.name ? -1 : 1)),
    },
  },
  ask: (face, model = MODEL) => of(face).chat({ ...CHAT, model }),
  async stream(face, onPiece, signal) {
    const pieces = await of(face).chat({ ...CHAT, stream: true })
    signal.addEventListener('abort', () => pieces.abort())
    return await all(pieces, onPiece)
  },
  statusOf: error => (error as { status_code?: number }).status_code,
}
