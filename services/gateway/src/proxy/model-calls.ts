import Type, { type TSchema } from 'typebox'
import { type Operation, type Paths, type Payload, REFUSAL_TERMS } from '../http/index.ts'

const Text = Type.String()
const Any = Type.Unknown()
const Limit = Type.Integer({ minimum: 0 })
const model = { model: Type.String({ maxLength: 256 }) }

/** What the gateway itself reads of a body; every other field goes to the model server byte for byte. */
const reads = (fields: Record<string, TSchema>) => Type.Object(fields, { additionalProperties: true })
export const Whole = Type.Object(
  {},
  { additionalProperties: true, description: "the model server's own answer" },
)

const HEADERS = {
  'x-request-id': 'the id of the request in every fact about it',
  'x-ratelimit-limit-tokens':
    'and `remaining`, `reset`, and the same for `requests`: what is left of the limits',
  'x-fluxgate-model': 'the model that answered in place of the one asked for, after a fallback',
  'x-fluxgate-budget-remaining-tokens': 'and `-usd`: what is left of the tightest budget',
  'x-fluxgate-budget-warning': 'budgets whose warning level is reached',
}

type Family = 'openai' | 'anthropic' | 'ollama'

const STREAMS: Readonly<Record<Family, string>> = {
  openai: 'text/event-stream',
  anthropic: 'text/event-stream',
  ollama: 'application/x-ndjson',
}

/** Errors in each family's form. */
export const ERRORS = Object.freeze({
  openai: Type.Object({
    error: Type.Object({ message: Text, type: Text, param: Type.Null(), code: Text }),
  }),
  anthropic: Type.Object({
    type: Type.Literal('error'),
    error: Type.Object({ type: Text, message: Text }),
    request_id: Text,
  }),
  ollama: Type.Object({ error: Text }),
} satisfies Record<Family, TSchema>)

/** Refusals of the gateway, by status, in the family's form. */
function errorsOf(family: Family): Record<number, Payload> {
  const byStatus = Object.groupBy(Object.entries(REFUSAL_TERMS), ([, { status }]) => status)
  const errors = Object.entries(byStatus).map(([status, named = []]): [string, Payload] => {
    const description = named.map(([reason]) => reason).join(', ')
    return [status, { description, content: { 'application/json': ERRORS[family] } }]
  })
  const broken = { description: 'no model server answered', content: { 'application/json': ERRORS[family] } }
  return { ...Object.fromEntries(errors), 502: broken, 504: broken }
}

function call(family: Family, summary: string, fields?: Record<string, TSchema>, streams = false): Operation {
  const content = { 'application/json': Whole, ...(streams ? { [STREAMS[family]]: Text } : {}) }
  return {
    summary,
    tag: family,
    ...(fields ? { body: { content: { 'application/json': reads(fields) } } } : {}),
    answers: { 200: { description: 'As the model server answered.', content, headers: HEADERS } },
    errors: errorsOf(family),
  }
}

const stream = { stream: Type.Optional(Type.Boolean()) }
const answers = { n: Type.Optional(Limit), best_of: Type.Optional(Limit) }
const limits = {
  max_tokens: Type.Optional(Limit),
  max_completion_tokens: Type.Optional(Limit),
  max_output_tokens: Type.Optional(Limit),
}
const tools = { tools: Type.Optional(Type.Array(Any)) }
const chat = { ...model, messages: Type.Array(Any), ...stream, ...answers, ...limits, ...tools }
const options = { options: Type.Optional(reads({ num_predict: Type.Optional(Type.Integer()) })) }
const message = { ...model, messages: Type.Array(Any), system: Type.Optional(Any), ...tools }
const LIST = 'Models of all model servers that speak this API, merged'

/** The routes below `/v1/`; a test holds that they are those of the route table. */
export const V1_CALLS: Paths = Object.freeze({
  '/v1/chat/completions': { post: call('openai', 'A chat completion', chat, true) },
  '/v1/completions': {
    post: call('openai', 'A completion', { ...model, prompt: Any, ...stream, ...answers, ...limits }, true),
  },
  '/v1/embeddings': { post: call('openai', 'Embeddings', { ...model, input: Any }) },
  '/v1/responses': {
    post: call('openai', 'A response', { ...model, input: Any, ...stream, ...limits, ...tools }, true),
  },
  '/v1/responses/input_tokens': {
    post: call('openai', 'The tokens of a response', { ...model, input: Type.Optional(Any), ...tools }),
  },
  '/v1/moderations': {
    post: call('openai', 'A moderation', { model: Type.Optional(model.model), input: Any }),
  },
  '/v1/rerank': {
    post: call('openai', 'Documents by relevance', { ...model, query: Any, documents: Type.Array(Any) }),
  },
  '/v1/images/generations': {
    post: call('openai', 'An image', { model: Type.Optional(model.model), prompt: Text, ...stream }),
  },
  '/v1/audio/speech': { post: call('openai', 'Speech', { ...model, input: Text }) },
  '/v1/messages': {
    post: call('anthropic', 'A message', { ...message, max_tokens: Limit, ...stream }, true),
  },
  '/v1/messages/count_tokens': { post: call('anthropic', 'The tokens of a message', message) },
  '/v1/models': { get: call('openai', LIST) },
  '/v1/models/{model}': { get: call('openai', 'One model') },
})

/** The routes below `/api/`. */
export const API_CALLS: Paths = Object.freeze({
  '/api/chat': {
    post: call('ollama', 'A chat', { ...model, messages: Type.Array(Any), ...stream, ...options }, true),
  },
  '/api/generate': {
    post: call('ollama', 'A text', { ...model, prompt: Type.Optional(Text), ...stream, ...options }, true),
  },
  '/api/embed': { post: call('ollama', 'Embeddings', { ...model, input: Any }) },
  '/api/embeddings': { post: call('ollama', 'One embedding', { ...model, prompt: Text }) },
  '/api/show': { post: call('ollama', 'What a model is', model) },
  '/api/tags': { get: call('ollama', LIST) },
  '/api/ps': { get: call('ollama', 'Models that are loaded') },
  '/api/version': { get: call('ollama', 'The version of the model server') },
})
