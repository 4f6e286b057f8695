import type { LinkLog } from '@fluxgate/nats'
import { failing, type ReadinessCheck } from '@fluxgate/runtime'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
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
        return answerRpc(parts, caller, request, reply)
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

async function answerRpc(parts: HttpParts, caller: Caller, request: FastifyRequest, reply: FastifyReply) {
  reply.hijack()
  const server = parts.serverFor(caller)
  const transport = new StreamableHTTPServerTransport()
  // A stream that its client has closed is a call cancelled.
  reply.raw.once('close', () => void server.close())
  try {
    // The class is what it claims to be, but for `| undefined` in its accessors.
    await server.connect(transport as Transport)
    await transport.handleRequest(request.raw, reply.raw, request.body)
  } catch (error) {
    parts.log.error({ err: error }, 'request failed')
    await server.close()
    if (!reply.raw.headersSent) reply.raw.writeHead(500)
    reply.raw.end()
  }
}

function answerError({ log }: HttpParts, error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  if (error instanceof Fault) return sendRpcError(reply, 503, error.message)
  const status = error.statusCode ?? 500
  if (status >= 500) log.error({ err: error, url: request.url }, 'request failed')
  return sendRpcError(reply, status, status >= 500 ? 'Internal error.' : error.message)
}
