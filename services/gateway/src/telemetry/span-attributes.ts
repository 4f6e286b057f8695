import type { Identity } from '@fluxgate/contracts'
import type { AdmittedCall, Call, CallEnd } from '../call/index.ts'

/** Attributes as OpenTelemetry takes them; undefined ones are left out. */
export type SpanAttributes = Record<string, string | number | boolean | undefined>

/** GenAI operation by path; the semantic conventions name them. */
const OPERATIONS: Readonly<Record<string, string>> = Object.freeze({
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/messages': 'chat',
  '/api/chat': 'chat',
  '/v1/completions': 'text_completion',
  '/api/generate': 'text_completion',
  '/v1/embeddings': 'embeddings',
  '/api/embed': 'embeddings',
  '/api/embeddings': 'embeddings',
})

/** Well-known values of `gen_ai.provider.name`, by the end of the upstream's host name. */
const PROVIDERS: readonly (readonly [suffix: string, provider: string])[] = [
  ['api.openai.com', 'openai'],
  ['api.anthropic.com', 'anthropic'],
  ['.openai.azure.com', 'azure.ai.openai'],
  ['.inference.ai.azure.com', 'azure.ai.inference'],
  ['.amazonaws.com', 'aws.bedrock'],
  ['generativelanguage.googleapis.com', 'gcp.gemini'],
  ['aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['api.mistral.ai', 'mistral_ai'],
  ['api.groq.com', 'groq'],
  ['api.deepseek.com', 'deepseek'],
  ['api.cohere.com', 'cohere'],
  ['api.perplexity.ai', 'perplexity'],
  ['api.x.ai', 'x_ai'],
]

export function operationOf(path: string): string {
  return OPERATIONS[path] ?? 'other'
}

/** The path where it is one of the known ones, else its root: names of spans must be few. */
export function routeOf(path: string): string {
  if (path in OPERATIONS) return path
  return path.startsWith('/api/') ? '/api/*' : path.startsWith('/v1/') ? '/v1/*' : '/*'
}

/** Of a host that nobody knows, the dialect that it was spoken to in. */
function providerOf(host: string | undefined, dialect: string): string {
  return PROVIDERS.find(([suffix]) => host?.endsWith(suffix))?.[1] ?? dialect
}

/** Our answer to the caller (HTTP server span). No query, no header but the agent: they may hold secrets. */
export function serverAttributes(
  call: Call,
  identity: Identity,
  status: number,
  outcome: string,
  errorType: string | undefined,
): SpanAttributes {
  return {
    'http.request.method': call.method,
    'http.route': routeOf(call.path),
    'http.response.status_code': status === 0 ? undefined : status,
    'client.address': call.address,
    'user_agent.original': call.agent,
    'error.type': errorType,
    'gen_ai.operation.name': operationOf(call.path),
    'gen_ai.request.model': call.model === '' ? undefined : call.model,
    'fluxgate.request.id': call.id,
    'fluxgate.dialect': call.dialect.name,
    'fluxgate.user.id': identity.user,
    'fluxgate.key.id': identity.key,
    'fluxgate.outcome': outcome,
  }
}

/** Our call of the upstream (GenAI client span); all attempts of a call are one span, as the conventions ask. */
export function clientAttributes(
  call: AdmittedCall,
  end: CallEnd,
  origin: string | undefined,
): SpanAttributes {
  const { ending, settlement } = end
  const server = origin === undefined ? null : URL.parse(origin)
  const known = ending.status > 0 && ending.status < 400
  return {
    'gen_ai.operation.name': operationOf(call.path),
    'gen_ai.provider.name': providerOf(server?.hostname, call.dialect.name),
    'gen_ai.request.model': call.model === '' ? undefined : call.model,
    'gen_ai.response.model': ending.answered,
    'gen_ai.usage.input_tokens': known ? settlement.usage.input : undefined,
    'gen_ai.usage.output_tokens': known ? settlement.usage.output : undefined,
    'server.address': server?.hostname,
    'server.port': server ? Number(server.port || (server.protocol === 'https:' ? 443 : 80)) : undefined,
    'http.response.status_code': ending.status === 0 ? undefined : ending.status,
    'error.type': end.errorType ?? (ending.status >= 400 ? String(ending.status) : undefined),
    'fluxgate.request.id': call.id,
    'fluxgate.upstream': ending.upstream,
    'fluxgate.attempts': ending.attempts,
    'fluxgate.stream': call.stream,
    'fluxgate.usage.source': known ? settlement.source : undefined,
    'fluxgate.time_to_first_byte': ending.firstByteMs === undefined ? undefined : ending.firstByteMs / 1_000,
  }
}
