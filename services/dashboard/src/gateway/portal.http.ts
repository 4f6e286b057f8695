import replyFrom from '@fastify/reply-from'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { answerOf } from '../http/reply.http.ts'
import { type GateParts, requireSameOrigin } from '../sessions/gate.http.ts'
import { type CookieNames, cookiesForBrowser, cookiesForGateway } from './cookies.ts'

export interface PortalParts extends GateParts {
  /** Of the session and of the device. */
  readonly cookieNames: readonly CookieNames[]
  readonly gatewayUrl: string
  /** Shows the gateway that it may believe which address this dashboard says that it asks for. */
  readonly forwardToken: string | undefined
  /** PEM of what vouches for the gateway's certificate; absent: the system's authorities. */
  readonly gatewayCa: Buffer | undefined
  readonly portalTimeoutMs: number
}

type Headers = Record<string, string | string[] | undefined>

const CONNECTIONS = 16
const GATEWAY_AWAY = answerOf({ code: 'bad_gateway', message: 'The gateway does not respond.' })
/** What the gateway may know of a browser's request. */
const PASSED_ON = [
  'accept',
  'accept-language',
  'content-type',
  'content-length',
  'sec-fetch-site',
  'user-agent',
]
/** What a browser may know of the gateway's answer, beside the session. */
const PASSED_BACK = ['content-type', 'content-length', 'cache-control', 'retry-after', 'x-request-id']

/**
 * `/portal/*` is the gateway's: accounts, sessions and keys. This is a border, so only what is known crosses it: the
 * session under the name it has on either side, and an `Origin` that has been checked here and is the gateway's there.
 */
export async function forwardPortal(app: FastifyInstance, parts: PortalParts): Promise<void> {
  const { gatewayUrl, gatewayCa, portalTimeoutMs } = parts
  await app.register(replyFrom, {
    base: gatewayUrl,
    undici: {
      connections: CONNECTIONS,
      headersTimeout: portalTimeoutMs,
      bodyTimeout: portalTimeoutMs,
      ...(gatewayCa === undefined ? {} : { connect: { ca: gatewayCa } }),
    },
    // A lost answer to a login or a new key must not be asked for twice.
    retryMethods: [],
    maxRetriesOn503: 0,
    disableRequestLogging: true,
  })
  app.addHook('onRequest', requireSameOrigin(parts))
  app.all('/portal/*', (request, reply) =>
    reply.from(request.url, {
      rewriteRequestHeaders: (_request, headers) => requestHeaders(request, headers, parts),
      rewriteHeaders: headers => answerHeaders(headers, parts),
      onError: (failed, { error }) => {
        request.log.error({ err: error }, 'the gateway does not answer')
        const { code, body } = GATEWAY_AWAY
        failed.code(code).send(body)
      },
    }),
  )
}

function requestHeaders(request: FastifyRequest, sent: Headers, parts: PortalParts): Headers {
  const headers: Headers = { ...pick(sent, PASSED_ON), ...forwardedBy(request, parts.forwardToken) }
  if (request.headers.origin !== undefined) headers.origin = parts.gatewayUrl
  const cookie = cookiesForGateway(request.cookies, parts.cookieNames)
  if (cookie !== undefined) headers.cookie = cookie
  return headers
}

/** Who asks, and that this dashboard may say so. */
export function forwardedBy(request: FastifyRequest, forwardToken: string | undefined): Headers {
  const headers: Headers = { 'x-forwarded-for': request.ip }
  if (forwardToken !== undefined) headers['x-fluxgate-forward-token'] = forwardToken
  return headers
}

function answerHeaders(headers: Headers, parts: PortalParts): Headers {
  const passed: Headers = { 'cache-control': 'no-store', ...pick(headers, PASSED_BACK) }
  const isSecure = parts.origin?.startsWith('https:') ?? false
  const cookies = cookiesForBrowser(headers['set-cookie'], parts.cookieNames, isSecure)
  return cookies.length === 0 ? passed : { ...passed, 'set-cookie': cookies }
}

function pick(headers: Headers, names: readonly string[]): Headers {
  return Object.fromEntries(
    names.filter(name => headers[name] !== undefined).map(name => [name, headers[name]]),
  )
}
