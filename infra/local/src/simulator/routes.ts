import { anthropicCount, anthropicMessage } from './anthropic-messages.ts'
import type { Dialect } from './dialect.ts'
import { ollamaEmbed, ollamaEmbeddings, openaiEmbeddings } from './embeddings.ts'
import {
  ollamaGreeting,
  ollamaProcesses,
  ollamaShow,
  ollamaTags,
  ollamaVersion,
  openaiModels,
} from './models.ts'
import { ollamaChat, ollamaGenerate } from './ollama-chat.ts'
import { chatCompletion } from './openai-chat.ts'
import { completion } from './openai-completions.ts'
import { response } from './openai-responses.ts'
import type { Call } from './request.ts'

export interface Route {
  readonly dialect: Dialect
  /** The body must name a model that is there. */
  readonly model: boolean
  readonly answer: (call: Call) => Promise<void>
}

const talk = (dialect: Dialect, answer: Route['answer']): Route => ({ dialect, model: true, answer })
const tell = (dialect: Dialect, answer: Route['answer']): Route => ({ dialect, model: false, answer })

export const ROUTES: ReadonlyMap<string, Route> = new Map([
  ['POST /v1/chat/completions', talk('openai', chatCompletion)],
  ['POST /v1/completions', talk('openai', completion)],
  ['POST /v1/embeddings', talk('openai', openaiEmbeddings)],
  ['POST /v1/responses', talk('openai', response)],
  ['GET /v1/models', tell('openai', openaiModels)],
  ['POST /v1/messages', talk('anthropic', anthropicMessage)],
  ['POST /v1/messages/count_tokens', talk('anthropic', anthropicCount)],
  ['POST /api/chat', talk('ollama', ollamaChat)],
  ['POST /api/generate', talk('ollama', ollamaGenerate)],
  ['POST /api/embed', talk('ollama', ollamaEmbed)],
  ['POST /api/embeddings', talk('ollama', ollamaEmbeddings)],
  ['POST /api/show', talk('ollama', ollamaShow)],
  ['GET /api/tags', tell('ollama', ollamaTags)],
  ['GET /api/ps', tell('ollama', ollamaProcesses)],
  ['GET /api/version', tell('ollama', ollamaVersion)],
  ['GET /', tell('ollama', ollamaGreeting)],
  ['HEAD /', tell('ollama', ollamaGreeting)],
])

export const MODEL_PATH = '/v1/models/'

export function dialectOf(path: string): Dialect {
  if (path.startsWith('/v1/messages')) return 'anthropic'
  return path.startsWith('/v1') ? 'openai' : 'ollama'
}
