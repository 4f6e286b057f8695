import { pipeline, Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeeperThan, MAX_JSON_DEPTH } from '@fluxgate/contracts'
import type { LinkLog } from '@fluxgate/nats'
import { type AllowedSources, boundConnections, failing, type ReadinessCheck } from '@fluxgate/runtime'
import type { McpServer, ServerEventBus } from '@modelcontextprotocol/server'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { ToolError } from '../backends/index.ts'
import type { Caller } from '../calls/index.ts'
import { namedAccept } from './accept.ts'
import {
  challenge,
  MCP_PATH,
  METADATA_PATH,
  originOf,
  refuseForeign,
  resourceMetadata,
  sendRpcError,
} from './access.http.ts'
import { type Authenticate, bearerToken } from './authenticate.ts'
import { openRpc, type Rpc } from './rpc.http.ts'
import type { SessionLimits } from './sessions.timer.ts'

export interface HttpLimits extends SessionLimits {
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  readonly maxConnections: number
  /** To receive a whole request; an answer has its own limit. */
  readonly requestTimeoutMs: number
  readonly headersTimeoutMs: number
}

export interface HttpOptions {
  readonly allowed: AllowedSources
  readonly authenticate: Authenticate
  readonly serverFor: (caller: Caller) => McpServer
  /** Changes that clients may listen to. */
  readonly bus: ServerEventBus
  readonly checks: Readonly<Record<string, ReadinessCheck>>
  readonly limits: HttpLimits
  readonly log: LinkLog
}

const CHECK_EVERY_MS = 1_000
const METHODS = new Set(['POST', 'GET', 'DELETE'])
const ALLOW = [...METHODS].join(', ')

export interface HttpListener extends AsyncDisposable {
  readonly port: number
}

/** Answers that run when the server stops may take this long to reach their clients. */
const CLOSE_LIMIT_MS = 5_000
const CLOSE_POLL_MS = 50

export async function startHttp(
  { host, port }: { host: string; port: number },
  parts: HttpOptions,
): Promise<HttpListener> {
  const app = buildHttp(parts)
  await app.listen({ host, port })
  const bound = app.server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    async [Symbol.asyncDispose]() {
      let closed = false
      const closing = app.close().finally(() => {
        closed = true
      })
      const deadlineMs = performance.now() + CLOSE_LIMIT_MS
      while (!closed) {
        // A connection whose answer has just ended would wait for another request.
        if (performance.now() < deadlineMs) app.server.closeIdleConnections()
        else app.server.closeAllConnections()
        await Promise.race([closing, sleep(CLOSE_POLL_MS)])
      }
      await closing
    },
  }
}

/** Who may ask, and from where; what is asked is {@link openRpc}'s. */
function buildHttp(parts: HttpOptions): FastifyInstance {
  const { limits } = parts
  const rpc = openRpc({
    serverFor: parts.serverFor,
    bus: parts.bus,
    limits,
    nowMs: () => performance.now(),
    onRefused: error => parts.log.warn({ err: error }, 'MCP request refused'),
  })
  const app = fastify({
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    http: {
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: CHECK_EVERY_MS,
    },
    forceCloseConnections: 'idle',
  })
  boundConnections(app.server, limits.maxConnections)
  app.removeContentTypeParser('text/plain')
  boundDepth(app)
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => answerError(parts, error, request, reply))
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }))
  app.addHook('preClose', () => rpc[Symbol.asyncDispose]())
  answerStatus(app, parts.checks)

  app.register(async scope => {
    scope.addHook('onRequest', async (request, reply) => refuseForeign(parts.allowed, request, reply))
    for (const path of [METADATA_PATH, `${METADATA_PATH}${MCP_PATH}`]) {
      scope.get(path, request => resourceMetadata(request))
    }
    scope.register(async guarded => {
      const callers = new WeakMap<FastifyRequest, Caller>()
      guarded.addHook('onRequest', async (request, reply) => {
        const token = bearerToken(request.headers.authorization)
        const caller = token === undefined ? 'unknown' : await parts.authenticate(token)
        if (caller === 'forbidden') return sendRpcError(reply, 403, 'This is for operators.')
        if (caller === 'unknown') return challenge(request, reply, token !== undefined)
        if (!METHODS.has(request.method)) {
          return sendRpcError(reply.header('allow', ALLOW), 405, 'Method not allowed.')
        }
        callers.set(request, caller)
      })
      guarded.all(MCP_PATH, (request, reply) => {
        const caller = callers.get(request)
        if (!caller) throw new Error('a request without a caller has passed')
        return answerRpc(rpc, caller, request, reply)
      })
    })
  })
  return app
}

const TOO_DEEP = Object.assign(new Error(`JSON may nest ${MAX_JSON_DEPTH} levels.`), { statusCode: 400 })

/** The protocol's library walks a message by functions that call themselves for each level. */
function boundDepth(app: FastifyInstance): void {
  const readJson = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (isDeeperThan(body, MAX_JSON_DEPTH)) done(TOO_DEEP)
    else readJson(request, body, done)
  })
}

function answerStatus(app: FastifyInstance, checks: Readonly<Record<string, ReadinessCheck>>): void {
  app.get('/health', (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/ready', (_request, reply) => {
    const missing = failing(checks)
    const ready = Object.keys(missing).length === 0
    return reply.code(ready ? 200 : 503).send({ ready, missing })
  })
}

/** From Fastify's request to a web request, and back. A stream that its client has closed is a call cancelled. */
async function answerRpc(rpc: Rpc, caller: Caller, request: FastifyRequest, reply: FastifyReply) {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined || name === 'accept' ? [] : [[name, String(value)] as [string, string]],
  )
  const { method } = request
  headers.push(['accept', namedAccept(method, request.headers.accept)])
  const web = new Request(new URL(request.url, originOf(request)), { method, headers, signal: gone.signal })
  const answer = await rpc.answer(web, request.body, caller)
  if (answer instanceof Response) return isStream(answer) ? sendStream(answer, reply) : answer
  switch (answer.kind) {
    case 'unknown_session':
      return sendRpcError(reply, 404, 'Session not found. Initialize again.')
    case 'no_session':
      return sendRpcError(reply.header('allow', 'POST'), 405, 'Without a session there is only POST.')
    case 'too_many_sessions':
      return sendRpcError(reply.header('retry-after', '60'), 503, 'Too many sessions are open.')
  }
}

function isStream(answer: Response): boolean {
  return answer.headers.get('content-type')?.startsWith('text/event-stream') ?? false
}

/** The client waits for the headers of a stream, on which there may be nothing to say for long. */
function sendStream(answer: Response, reply: FastifyReply): FastifyReply {
  reply.hijack()
  reply.raw.writeHead(answer.status, Object.fromEntries(answer.headers))
  reply.raw.flushHeaders()
  if (answer.body) pipeline(Readable.fromWeb(answer.body as ReadableStream), reply.raw, () => {})
  else reply.raw.end()
  return reply
}

function answerError(
  { log }: HttpOptions,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  if (error instanceof ToolError) return sendRpcError(reply, 503, error.message)
  const status = error.statusCode ?? 500
  if (status >= 500) log.error({ err: error, url: request.url }, 'request failed')
  return sendRpcError(reply, status, status >= 500 ? 'Internal error.' : error.message)
}
