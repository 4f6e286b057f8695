import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Routes } from '../dialects/index.ts'
import type { Bodies } from './bodies.http.ts'
import { trustedNetworks } from './client-address.ts'
import { enterConnection, type OnError, uncaught } from './connection-boundary.ts'
import { Connections } from './connections.net.ts'
import { corsPolicy } from './cors.ts'
import type { EdgeLimits } from './edge-limits.ts'
import { OpenRequests } from './open-requests.ts'
import { createRequestFilter, type Handler } from './request-filter.http.ts'
import { plainServer, secureServer, tlsOptions } from './server.http.ts'
import { Sessions } from './sessions.http.ts'
import type { TlsPair } from './tls.fs.ts'

export interface EdgeOptions {
  readonly limits: EdgeLimits
  /** Takes the calls of models, past the router. */
  readonly calls: Handler
  /** Which of them there are. */
  readonly routes: Routes
  readonly bodies: Bodies
  /** Without it HTTP/1.1 in plain text, for a balancer that ends TLS. */
  readonly tls?: TlsPair | undefined
  readonly trustedProxies?: readonly string[]
  /** Origins whose pages may call the proxied paths; `*` for any. */
  readonly corsOrigins?: readonly string[]
  readonly hsts?: boolean
  readonly overloaded?: () => boolean
  readonly onRefused?: (code: string) => void
  /** A throw that ended a connection, or a request before it was taken over. */
  readonly onError?: OnError
}

export interface Edge {
  readonly app: FastifyInstance
  readonly connections: Connections
  readonly sessions: Sessions
  readonly requests: OpenRequests
  /** New connections get the new certificate; throws when certificate and key do not belong together. */
  renewTls(pair: TlsPair): void
  /** Sessions of before are not resumed (RFC 9325 section 3.4). */
  renewTickets(): void
}

const TICKET_KEY_BYTES = 48

/** A field too many is a mistake to be told of, not one to be dropped in silence. */
export const STRICT_SCHEMAS = { customOptions: { removeAdditional: false, coerceTypes: false } } as const

/** The public server: HTTP/1.1 and h2 by ALPN over TLS 1.2+, or plain HTTP/1.1 behind a balancer that ends TLS. */
export function createEdge(options: EdgeOptions): Edge {
  const { limits, tls, trustedProxies = [], corsOrigins = [], onError = uncaught } = options
  const connections = new Connections(limits, trustedNetworks(trustedProxies), undefined, onError)
  const sessions = new Sessions(limits, undefined, onError)
  const requests = new OpenRequests(limits.maxOpenRequests)
  const server = tls ? secureServer(limits, tls) : plainServer(limits)
  const app = Fastify({
    ajv: STRICT_SCHEMAS,
    bodyLimit: limits.maxRouteBodyBytes,
    trustProxy: [...trustedProxies],
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // Ids are ours: an id that a client chooses could be another's.
    requestIdHeader: false,
    return503OnClosing: true,
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 256 },
    // Errors of connections are answered at the door.
    clientErrorHandler: () => {},
    serverFactory(handler) {
      const filter = createRequestFilter(
        {
          limits,
          connections,
          requests,
          bodies: options.bodies,
          routes: options.routes,
          cors: corsPolicy(corsOrigins),
          hsts: options.hsts ?? false,
          overloaded: options.overloaded ?? (() => false),
          onRefused: options.onRefused ?? (() => {}),
          onError,
        },
        options.calls,
        (request, response) => handler(request as IncomingMessage, response as ServerResponse),
      )
      for (const event of Object.keys(filter) as Array<keyof typeof filter>) server.on(event, filter[event])
      return server as never
    },
  }) as unknown as FastifyInstance
  server.on('connection', (socket: Socket) => {
    connections.accept(socket)
    if (!tls) enterConnection(onError, socket, () => connections.open(socket))
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol !== 'h2') enterConnection(onError, socket, () => connections.open(socket))
  })
  server.on('session', (session: ServerHttp2Session) => sessions.open(session))
  app.addHook('onClose', async () => {
    connections[Symbol.dispose]()
    sessions[Symbol.dispose]()
  })
  return {
    app,
    connections,
    sessions,
    requests,
    renewTls: pair => (server as Http2SecureServer).setSecureContext(tlsOptions(pair)),
    renewTickets: () => (server as Http2SecureServer).setTicketKeys(randomBytes(TICKET_KEY_BYTES)),
  }
}
