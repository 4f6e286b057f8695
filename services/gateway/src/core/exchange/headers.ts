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

/** The client's credentials and origin stay here; lengths and encodings are set anew. */
const NOT_FORWARDED = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'x-api-key',
  'cookie',
  'host',
  'content-length',
  'accept-encoding',
  'expect',
  'forwarded',
  'via',
  'x-real-ip',
  'origin',
  'referer',
  'x-request-id',
  'x-fluxgate-forward-token',
])
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
): Record<string, string> {
  const named = connectionNamed(incoming.connection)
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'x-request-id': requestId }
  for (const name in incoming) {
    const value = incoming[name]
    if (value === undefined || NOT_FORWARDED.has(name) || named?.has(name)) continue
    // Pseudo-headers of HTTP/2, names that some servers read as another's, and claims about addresses.
    if (name[0] === ':' || name.includes('_') || name.startsWith('x-forwarded-')) continue
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
