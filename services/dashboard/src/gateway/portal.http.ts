import type { FastifyInstance, FastifyRequest } from 'fastify'
import { requireSameOrigin, type Sessions } from '../sessions/index.ts'
import { cookiesForBrowser, cookiesForGateway } from './cookies.ts'
import { connectGateway, forward, forwardedFor, type GatewayTarget, type Headers } from './forward.http.ts'

export interface PortalOptions extends GatewayTarget {
  readonly portalTimeoutMs: number
}

const CONNECTIONS = 16
/** Request headers that the gateway gets. */
const REQUEST_HEADERS = [
  'accept',
  'accept-language',
  'content-type',
  'content-length',
  'sec-fetch-site',
  'user-agent',
]
/** Response headers that the browser gets, beside the session. */
const RESPONSE_HEADERS = ['content-type', 'content-length', 'cache-control', 'retry-after', 'x-request-id']

/**
 * `/portal/*` is the gateway's: accounts, sessions and keys. Only listed headers cross, the session under the name it has
 * on either side, and an `Origin` that was checked here and is the gateway's own there.
 */
export async function portalRoutes(
  app: FastifyInstance,
  sessions: Sessions,
  options: PortalOptions,
): Promise<void> {
  await connectGateway(app, options, { connections: CONNECTIONS, timeoutMs: options.portalTimeoutMs })
  app.addHook('onRequest', requireSameOrigin(sessions))
  app.all('/portal/*', (request, reply) =>
    forward(request, reply, request.url, {
      rewriteRequestHeaders: (_request, headers) => requestHeaders(request, headers, sessions, options),
      rewriteHeaders: headers => responseHeaders(headers, sessions),
    }),
  )
}

function requestHeaders(
  request: FastifyRequest,
  sent: Headers,
  { cookieNames }: Sessions,
  { gatewayUrl, forwardToken }: GatewayTarget,
): Headers {
  const headers: Headers = { ...pick(sent, REQUEST_HEADERS), ...forwardedFor(request, forwardToken) }
  if (request.headers.origin !== undefined) headers.origin = gatewayUrl
  const cookie = cookiesForGateway(request.cookies, cookieNames)
  if (cookie !== undefined) headers.cookie = cookie
  return headers
}

function responseHeaders(headers: Headers, { cookieNames, origin }: Sessions): Headers {
  const passed: Headers = { 'cache-control': 'no-store', ...pick(headers, RESPONSE_HEADERS) }
  const isSecure = origin?.startsWith('https:') ?? false
  const cookies = cookiesForBrowser(headers['set-cookie'], cookieNames, isSecure)
  return cookies.length === 0 ? passed : { ...passed, 'set-cookie': cookies }
}

function pick(headers: Headers, names: readonly string[]): Headers {
  return Object.fromEntries(
    names.filter(name => headers[name] !== undefined).map(name => [name, headers[name]]),
  )
}
