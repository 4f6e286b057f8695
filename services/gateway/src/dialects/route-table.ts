import type { Dialect } from './dialect.ts'

/** What a call is charged for. */
export type Charge =
  /** Prompt and what the model generates (text, audio tokens, image tokens). */
  | 'generation'
  /** The prompt alone: embeddings, rerank. */
  | 'prompt'
  /** One request and no tokens: counting, moderation, lists. */
  | 'request'

/** One method of one path that may reach a model server. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** Exact; only `/v1/models/{model}` has a part that callers choose. */
  readonly path: string
  readonly dialect: Dialect['name']
  readonly charge: Charge
  /** Streams of it report usage only when `stream_options.include_usage` asks for it. */
  readonly asksForUsage: boolean
  /** `required`: a call without a JSON body is refused before it is sent on. */
  readonly body: 'required' | 'optional' | 'none'
  /** Nothing is stored or changed by it upstream, so that doing it twice only costs. */
  readonly repeatable: boolean
}

type Options = Partial<Pick<Route, 'asksForUsage'>>

const post = (dialect: Route['dialect'], path: string, charge: Charge, options: Options = {}): Route =>
  Object.freeze({
    method: 'POST',
    path,
    dialect,
    charge,
    asksForUsage: options.asksForUsage ?? false,
    body: 'required',
    repeatable: true,
  })

const get = (dialect: Route['dialect'], path: string): Route =>
  Object.freeze({
    method: 'GET',
    path,
    dialect,
    charge: 'request',
    asksForUsage: false,
    body: 'none',
    repeatable: true,
  })

/** The list of models and one of them: answered by the gateway, in OpenAI's form or Anthropic's. */
export const MODELS = '/v1/models'
export const MODEL = '/v1/models/{model}'

/**
 * Every call that may leave this node, and nothing else does. Whatever an upstream creates for a caller and gives an id
 * (files, batches, stored responses, fine-tuning jobs) is not here: it has no owner yet, and the credentials are the
 * operator's.
 */
export const ROUTES: readonly Route[] = Object.freeze([
  post('openai', '/v1/chat/completions', 'generation', { asksForUsage: true }),
  post('openai', '/v1/completions', 'generation', { asksForUsage: true }),
  post('openai', '/v1/embeddings', 'prompt'),
  post('openai', '/v1/responses', 'generation'),
  post('openai', '/v1/responses/input_tokens', 'request'),
  post('openai', '/v1/moderations', 'request'),
  post('openai', '/v1/rerank', 'prompt'),
  post('openai', '/v1/images/generations', 'generation'),
  post('openai', '/v1/audio/speech', 'generation'),
  post('anthropic', '/v1/messages', 'generation'),
  post('anthropic', '/v1/messages/count_tokens', 'request'),
  get('openai', MODELS),
  get('openai', MODEL),
  post('ollama', '/api/chat', 'generation'),
  post('ollama', '/api/generate', 'generation'),
  post('ollama', '/api/embed', 'prompt'),
  post('ollama', '/api/embeddings', 'prompt'),
  post('ollama', '/api/show', 'request'),
  get('ollama', '/api/tags'),
  get('ollama', '/api/ps'),
  get('ollama', '/api/version'),
])
