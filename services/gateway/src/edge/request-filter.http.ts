import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Routes } from '../dialects/index.ts'
import type { RawReply } from '../http/index.ts'
import { answerError, errorBytes } from './answer.http.ts'
import type { Bodies, BodyShare } from './bodies.http.ts'
import { enterConnection, type OnError } from './connection-boundary.ts'
import type { Connections } from './connections.net.ts'
import { type CorsPolicy, corsHeaders, preflightHeaders } from './cors.ts'
import type { EdgeLimits } from './edge-limits.ts'
import type { OpenRequests } from './open-requests.ts'
import { type EdgeError, headError, originForm } from './request-head.ts'

export type Request = IncomingMessage | Http2ServerRequest
export type Response = ServerResponse | Http2ServerResponse
export type Handler = (request: Request, response: Response) => void

export interface RequestFilterOptions {
  readonly limits: EdgeLimits
  readonly connections: Connections
  readonly requests: OpenRequests
  readonly bodies: Bodies
  readonly routes: Routes
  readonly cors: CorsPolicy | undefined
  /** Tell browsers to come by TLS only (RFC 6797); not for a certificate that they must be told to accept. */
  readonly hsts: boolean
  readonly overloaded: () => boolean
  readonly onRefused: (code: string) => void
  readonly onError: OnError
}

const HSTS = 'max-age=31536000'
const BUSY: EdgeError = Object.freeze({
  status: 503,
  code: 'overloaded',
  message: 'The gateway is overloaded. Please try again.',
  headers: Object.freeze({ 'retry-after': '2' }),
})
/** A throw before or beside the scope of a request. */
const INTERNAL: EdgeError = Object.freeze({
  status: 500,
  code: 'internal_error',
  message: 'Internal error. Please try again; the gateway log has the reason.',
})
const NO_EXPECTATION: EdgeError = Object.freeze({
  status: 417,
  code: 'unknown_expectation',
  message: 'The only expectation that can be met is 100-continue.',
})
const ALL_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const NO_TUNNEL: EdgeError = Object.freeze({
  status: 405,
  code: 'method_not_allowed',
  message: 'This is not a proxy for CONNECT.',
  headers: Object.freeze({ allow: ALL_METHODS }),
})

const BAD_VERSION: EdgeError = Object.freeze({
  status: 505,
  code: 'bad_version',
  message: 'This is a server of HTTP/1.1 and HTTP/2.',
})

/** Node's parser gave up: by its error's code. */
const PARSE_ERRORS: Readonly<Record<string, EdgeError>> = Object.freeze({
  HPE_HEADER_OVERFLOW: { status: 431, code: 'headers_too_large', message: 'The headers are too large.' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    status: 413,
    code: 'chunk_extensions_too_large',
    message: 'The chunk extensions are too large.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'request_timeout',
    message: 'The request did not arrive in time.',
  },
})
const BAD_REQUEST: EdgeError = Object.freeze({
  status: 400,
  code: 'bad_request',
  message: 'The request is not valid HTTP.',
})

/**
 * Every request comes in here: what must be refused of HTTP itself is refused at the door. Calls of models go straight
 * to `calls`; they need nothing of the router behind `others`.
 */
export function createRequestFilter(options: RequestFilterOptions, calls: Handler, others: Handler) {
  const letIn: Handler = (request, response) => {
    if (isCall(request.url!)) calls(request, response)
    else others(request, response)
  }
  const bounded =
    (handle: Handler): Handler =>
    (request, response) => {
      try {
        handle(request, response)
      } catch (error) {
        fail(options, request, response, error)
      }
    }
  return {
    request: bounded((request, response) => {
      if (admit(options, request, response)) letIn(request, response)
    }),
    /** `Expect: 100-continue`: a body that would be refused for its length is not asked for. */
    checkContinue: bounded((request, response) => {
      if (!admit(options, request, response)) return
      // Node takes the word anywhere in the field.
      if (request.headers.expect?.toLowerCase() !== '100-continue') {
        refuse(options, request, response, NO_EXPECTATION)
        return
      }
      const declared = Number(request.headers['content-length'] ?? 0)
      if (declared <= options.limits.maxBodyBytes) response.writeContinue()
      letIn(request, response)
    }),
    checkExpectation: bounded((request, response) => {
      if (admit(options, request, response)) refuse(options, request, response, NO_EXPECTATION)
    }),
    /** Over HTTP/1.1 there is only the socket left; over HTTP/2 a response is given instead. */
    connect: (_request: Request, response: Socket | Http2ServerResponse): void => {
      enterConnection(options.onError, response, () => {
        options.onRefused(NO_TUNNEL.code)
        if ('writeHead' in response) answerError(response as RawReply, NO_TUNNEL, '', false)
        else response.end(errorBytes(NO_TUNNEL))
      })
    },
    clientError: (error: NodeJS.ErrnoException, socket: Socket): void => {
      enterConnection(options.onError, socket, () => refuseUnread(options, error, socket))
    },
  }
}

/** What Node's parser could not read as a request. */
function refuseUnread(options: RequestFilterOptions, error: NodeJS.ErrnoException, socket: Socket): void {
  // What comes after a connection's last request belongs to no request: the answer to that one is still due.
  if (error.code === 'HPE_CLOSED_CONNECTION' && options.connections.isAnswering(socket)) return
  const fault = PARSE_ERRORS[error.code ?? ''] ?? BAD_REQUEST
  if (error.code !== 'ECONNRESET') options.onRefused(fault.code)
  options.connections.refuse(socket, fault)
}

/** Answers with a status 500 where an answer can still be given. */
function fail(options: RequestFilterOptions, request: Request, response: Response, error: unknown): void {
  enterConnection(options.onError, response as RawReply, () => {
    options.onError(error)
    const http1 = !(request instanceof Http2ServerRequest)
    if (response.headersSent) (response as RawReply).destroy()
    else answerError(response as RawReply, INTERNAL, request.url ?? '', http1)
    if (http1) options.connections.endAfter(request.socket)
  })
}

function admit(options: RequestFilterOptions, request: Request, response: Response): boolean {
  const { connections, limits, cors } = options
  if (!(request instanceof Http2ServerRequest)) {
    if (!connections.take(request, response as ServerResponse)) return false
    // Node's parser lets a request line name versions that are not spoken in such lines.
    if (request.httpVersionMajor !== 1) return refuse(options, request, response, BAD_VERSION)
  }
  const fault = headError(request, limits)
  if (fault) return refuse(options, request, response, fault)
  if (request.url!.charCodeAt(0) !== SLASH && request.url !== '*') {
    const target = originForm(request)
    if (!target.ok) return refuse(options, request, response, target.fault)
    request.url = target.url
  }
  const url = request.url!
  if (isCall(url)) {
    if (request.method === 'OPTIONS') return answerOptions(options, response, request)
    if (!options.requests.enter(response, true)) return refuse(options, request, response, BUSY)
    const { origin } = request.headers
    if (cors && typeof origin === 'string') setHeaders(response, corsHeaders(cors, origin))
    return true
  }
  if (url === '*') return answerOptions(options, response, request)
  response.setHeader('x-content-type-options', 'nosniff')
  if (options.hsts) response.setHeader('strict-transport-security', HSTS)
  // Calls of models are refused later, with a fact; a balancer's questions are always answered.
  if (ALWAYS.has(url)) return true
  if (
    options.overloaded() ||
    !options.requests.enter(response, false) ||
    !takeBody(options, request, response)
  )
    return refuse(options, request, response, BUSY)
  return true
}

/** Room for the body of a route, which is read before anybody is asked who it is. */
function takeBody({ bodies, limits }: RequestFilterOptions, request: Request, response: Response): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return true
  const share: BodyShare = { bytes: 0, isKnown: false }
  if (!bodies.takeWindow(request, share, limits.maxRouteBodyBytes)) return false
  response.once('close', () => bodies.release(share))
  return true
}

function isCall(url: string): boolean {
  return url.startsWith('/v1/') || url.startsWith('/api/')
}

const SLASH = 47
const ALWAYS = new Set(['/', '/health', '/ready'])

function refuse(
  options: RequestFilterOptions,
  request: Request,
  response: Response,
  fault: EdgeError,
): false {
  options.onRefused(fault.code)
  const http1 = !(request instanceof Http2ServerRequest)
  if (http1) options.connections.endAfter(request.socket)
  answerError(response as RawReply, fault, request.url ?? '', http1)
  return false
}

/** What a path takes; to a page of a listed origin also that it may (a CORS preflight). */
function answerOptions({ cors, routes }: RequestFilterOptions, response: Response, request: Request): false {
  const { url = '', headers } = request
  const query = url.indexOf('?')
  const allow = routes.allowed(query === -1 ? url : url.slice(0, query)) ?? ALL_METHODS
  const { origin } = headers
  const granted = cors && url !== '*' && typeof origin === 'string' ? corsHeaders(cors, origin) : undefined
  const asked = headers['access-control-request-headers']
  const reply = response as RawReply
  reply.writeHead(204, {
    allow,
    ...granted,
    ...(granted ? preflightHeaders(allow, typeof asked === 'string' ? asked : undefined) : {}),
  })
  reply.end()
  return false
}

function setHeaders(response: Response, headers: Record<string, string> | undefined): void {
  for (const name in headers) response.setHeader(name, headers[name]!)
}
