import { HOP_BY_HOP } from '../config/index.ts'
import type { Dialect } from '../dialects/index.ts'
import type { ResponseHeaders } from '../http/index.ts'

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

export type PassedHeaders = Readonly<Record<Dialect['name'], ReadonlySet<string>>>

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

/** Whether an answer is still in a content coding that could not be undone. */
export function isEncoded(headers: ResponseHeaders): boolean {
  const coding = headers['content-encoding']
  return coding !== undefined && coding !== '' && coding !== 'identity'
}
