import type { LinkLog } from '@fluxgate/nats'
import { failing, type ReadinessCheck } from '@fluxgate/runtime'
import {
  type AuthInfo,
  createMcpHandler,
  type McpHttpHandler,
  type McpServer,
} from '@modelcontextprotocol/server'
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { type AllowedSources, isAllowedHost, isAllowedOrigin } from '../core/allowed-source.ts'
import type { Caller } from '../core/caller.ts'
import { Fault } from '../core/fault.ts'
import { type Authenticate, bearerToken } from './authenticate.ts'
import { sendRpcError } from './rpc-error.ts'

export interface HttpLimits {
  readonly maxBodyBytes: number
  readonly maxHeaderBytes: number
  readonly maxConnections: number
  /** To receive a whole request; an answer has its own limit. */
  readonly requestTimeoutMs: number
  readonly headersTimeoutMs: number
}

export interface HttpParts {
  readonly allowed: AllowedSources
  readonly authenticate: Authenticate
  readonly serverFor: (caller: Caller) => McpServer
  readonly checks: Readonly<Record<string, ReadinessCheck>>
  readonly limits: HttpLimits
  readonly log: LinkLog
}

const PATH = '/mcp'
const METADATA_PATH = '/.well-known/oauth-protected-resource'

/** Streamable HTTP without sessions: each POST is answered by a server object of its own, on its own stream. */
export function buildHttp(parts: HttpParts): FastifyInstance {
  const { limits } = parts
  const handler = createMcpHandler(({ authInfo }) => parts.serverFor(callerOf(authInfo)), {
    onerror: error => parts.log.warn({ err: error }, 'MCP request refused'),
  })
  const app = fastify({
    bodyLimit: limits.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    http: { maxHeaderSize: limits.maxHeaderBytes, headersTimeout: limits.headersTimeoutMs },
    forceCloseConnections: 'idle',
  })
  app.server.maxConnections = limits.maxConnections
  app.removeContentTypeParser('text/plain')
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => answerError(parts, error, request, reply))
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not found' }))
  app.addHook('onClose', () => handler.close())
  answerStatus(app, parts.checks)

  app.register(async scope => {
    scope.addHook('onRequest', async (request, reply) => refuseForeign(parts.allowed, request, reply))
    for (const path of [METADATA_PATH, `${METADATA_PATH}${PATH}`]) {
      scope.get(path, request => resourceMetadata(request))
    }
    scope.register(async guarded => {
      const callers = new WeakMap<FastifyRequest, Caller>()
      guarded.addHook('onRequest', async (request, reply) => {
        const token = bearerToken(request.headers.authorization)
        const caller = token === undefined ? 'unknown' : await parts.authenticate(token)
        if (caller === 'forbidden') return sendRpcError(reply, 403, 'This is for operators.')
        if (caller === 'unknown') return challenge(request, reply, token !== undefined)
        // No session, so nothing to listen to (GET) and nothing to end (DELETE).
        if (request.method !== 'POST') {
          return sendRpcError(reply.header('allow', 'POST'), 405, 'This server keeps no sessions: use POST.')
        }
        callers.set(request, caller)
      })
      guarded.all(PATH, (request, reply) => {
        const caller = callers.get(request)
        if (!caller) throw new Error('a request without a caller has passed')
        return answerRpc(handler, caller, request, reply)
      })
    })
  })
  return app
}

function answerStatus(app: FastifyInstance, checks: Readonly<Record<string, ReadinessCheck>>): void {
  app.get('/health', (_request, reply) => reply.send({ status: 'alive' }))
  app.get('/ready', (_request, reply) => {
    const missing = failing(checks)
    const ready = Object.keys(missing).length === 0
    return reply.code(ready ? 200 : 503).send({ ready, missing })
  })
}

async function refuseForeign(allowed: AllowedSources, { headers }: FastifyRequest, reply: FastifyReply) {
  if (!isAllowedHost(headers.host, allowed)) {
    return sendRpcError(reply, 403, 'This host name is not allowed here; MCP_ALLOWED_HOSTS lists more.')
  }
  if (!isAllowedOrigin(headers.origin, allowed)) {
    return sendRpcError(
      reply,
      403,
      'Pages of this origin are not allowed here; MCP_ALLOWED_ORIGINS lists more.',
    )
  }
}

/** RFC 6750 section 3. */
function challenge(request: FastifyRequest, reply: FastifyReply, hadToken: boolean): FastifyReply {
  const metadata = `${originOf(request)}${METADATA_PATH}${PATH}`
  const fault = hadToken ? ', error="invalid_token"' : ''
  reply.header('www-authenticate', `Bearer realm="fluxgate", resource_metadata="${metadata}"${fault}`)
  return sendRpcError(
    reply,
    401,
    'Send the operator token, or the session token of an operator: Authorization: Bearer <token>.',
  )
}

/** RFC 9728. No authorization server: the token is given by hand, which a client can tell its user. */
function resourceMetadata(request: FastifyRequest) {
  return {
    resource: `${originOf(request)}${PATH}`,
    resource_name: 'Fluxgate',
    bearer_methods_supported: ['header'],
  }
}

/** The host has been checked; TLS is ended before this server, if at all. */
function originOf({ headers, host }: FastifyRequest): string {
  return `${headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${host}`
}

/** From Fastify's request to a web request, and back. A stream that its client has closed is a call cancelled. */
async function answerRpc(
  handler: McpHttpHandler,
  caller: Caller,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Response> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const { method, headers, body: parsedBody } = request
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || name.startsWith(':') ? [] : [[name, String(value)] as [string, string]],
  )
  const web = new Request(new URL(request.url, originOf(request)), {
    ...{ method, headers: lines, signal: gone.signal },
  })
  return handler.fetch(web, { parsedBody, authInfo: authInfoOf(caller) })
}

/** The token stays here: what tools get to know is who calls. */
function authInfoOf(caller: Caller): AuthInfo {
  return { token: '', clientId: caller.actor, scopes: [], extra: { caller } }
}

function callerOf(authInfo: AuthInfo | undefined): Caller {
  const caller = authInfo?.extra?.caller
  if (!caller) throw new Error('a request without a caller has passed')
  return caller as Caller
}

function answerError({ log }: HttpParts, error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  if (error instanceof Fault) return sendRpcError(reply, 503, error.message)
  const status = error.statusCode ?? 500
  if (status >= 500) log.error({ err: error, url: request.url }, 'request failed')
  return sendRpcError(reply, status, status >= 500 ? 'Internal error.' : error.message)
}
