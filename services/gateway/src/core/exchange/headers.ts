import type { Dialect } from '../dialect/dialect.ts'
import type { ResponseHeaders } from './upstream.ts'

/** RFC 9110 section 7.6.1 and what else speaks of one connection only. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

/**
 * Request headers that pass to a model server; every other one stays here. What is not on a list cannot be a vendor's
 * credential or choose an organisation or project of the operator's account.
 */
const PASSED = [
  'accept',
  'accept-language',
  'baggage',
  'content-type',
  'http-referer',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'user-agent',
  'x-client-request-id',
  'x-title',
]
const PASSED_BY_DIALECT: Readonly<Record<Dialect['name'], readonly string[]>> = Object.freeze({
  openai: ['openai-beta'],
  anthropic: ['anthropic-beta', 'anthropic-dangerous-direct-browser-access', 'anthropic-version'],
  ollama: [],
})
/** What the SDKs of OpenAI and Anthropic say of themselves. */
const SDK_PREFIX = 'x-stainless-'

/** Never passed on, whatever a setting says: credentials, accounts, addresses, and what is set anew. */
const NEVER_PASSED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'accept-encoding',
  'api-key',
  'authorization',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'openai-organization',
  'openai-project',
  'origin',
  'referer',
  'via',
  'x-api-key',
  'x-goog-api-key',
  'x-goog-user-project',
  'x-real-ip',
  'x-request-id',
  'x-fluxgate-forward-token',
])
const FIELD_NAME = /^[a-z0-9-]{1,64}$/

export type PassedHeaders = Readonly<Record<Dialect['name'], ReadonlySet<string>>>

/** Why a header may not be passed on by `FORWARD_HEADERS`, or undefined. Names with `_` are read as another by some servers. */
export function unpassable(name: string): string | undefined {
  if (!FIELD_NAME.test(name)) return 'is not a header name of letters, digits and -'
  const isSecret = NEVER_PASSED.has(name) || name.startsWith('x-forwarded-') || name.startsWith('x-amz-')
  return isSecret ? 'is a credential or belongs to the connection' : undefined
}

/** @param more lower-case names besides the lists, for every dialect */
export function passedHeaders(more: readonly string[] = []): PassedHeaders {
  const of = (dialect: Dialect['name']) => new Set([...PASSED, ...PASSED_BY_DIALECT[dialect], ...more])
  return { openai: of('openai'), anthropic: of('anthropic'), ollama: of('ollama') }
}

const NOT_RETURNED = new Set([
  ...HOP_BY_HOP,
  'set-cookie',
  'alt-svc',
  'strict-transport-security',
  'x-request-id',
])

/** Headers for the upstream. `accept-encoding: identity`, because usage is read from the answer as it passes. */
export function requestHeaders(
  incoming: Readonly<Record<string, string | string[] | undefined>>,
  requestId: string,
  passed: ReadonlySet<string>,
): Record<string, string> {
  const named = connectionNamed(incoming.connection)
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'x-request-id': requestId }
  for (const name in incoming) {
    const value = incoming[name]
    if (value === undefined || named?.has(name)) continue
    if (!passed.has(name) && !name.startsWith(SDK_PREFIX)) continue
    headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

/** Headers for the client, without those of the upstream's connection. */
export function responseHeaders(
  incoming: ResponseHeaders,
  withLength: boolean,
): Record<string, string | string[]> {
  const named = connectionNamed(incoming.connection)
  const headers: Record<string, string | string[]> = {}
  for (const name in incoming) {
    const value = incoming[name]
    if (value === undefined || NOT_RETURNED.has(name) || named?.has(name)) continue
    // Whose pages may read answers is this gateway's to say.
    if (name.startsWith('access-control-')) continue
    // So are limits and budgets: the upstream's are those of our account with it.
    if (name.startsWith('x-ratelimit-') || name.startsWith('anthropic-ratelimit-')) continue
    if (name.startsWith('x-fluxgate-budget-')) continue
    if (name === 'content-length' && !withLength) continue
    headers[name] = value
  }
  return headers
}

function connectionNamed(value: string | string[] | undefined): Set<string> | undefined {
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined
  const text = Array.isArray(value) ? value.join(',') : value
  return new Set(text.split(',').map(name => name.trim().toLowerCase()))
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** W3C Trace Context section 3.2; anything else is ignored, as the specification asks. */
export function traceparentOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined
}
