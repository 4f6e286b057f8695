import { type AllowedSources, isAllowedHost, isAllowedOrigin } from '@fluxgate/runtime'
import { ProtocolErrorCode } from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** What JSON-RPC calls it; other statuses are the transport's own errors. */
const CODES: Readonly<Record<number, number>> = Object.freeze({
  400: ProtocolErrorCode.ParseError,
  500: ProtocolErrorCode.InternalError,
})
export const METADATA_PATH = '/.well-known/oauth-protected-resource'
export const MCP_PATH = '/mcp'
const TRANSPORT_ERROR = -32_000

/** A refusal before any message was read, in the shape that MCP clients show. */
export function sendRpcError(reply: FastifyReply, status: number, message: string): FastifyReply {
  const error = { code: CODES[status] ?? TRANSPORT_ERROR, message }
  return reply.code(status).send({ jsonrpc: '2.0', error, id: null })
}

/** Refuses a host or an origin that is not on the list (DNS rebinding). */
export async function refuseForeign(
  allowed: AllowedSources,
  { headers }: FastifyRequest,
  reply: FastifyReply,
) {
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
export function challenge(request: FastifyRequest, reply: FastifyReply, hadToken: boolean): FastifyReply {
  const metadata = `${originOf(request)}${METADATA_PATH}${MCP_PATH}`
  const error = hadToken ? ', error="invalid_token"' : ''
  reply.header('www-authenticate', `Bearer realm="fluxgate", resource_metadata="${metadata}"${error}`)
  return sendRpcError(
    reply,
    401,
    'Send the operator token, or the session token of an operator: Authorization: Bearer <token>.',
  )
}

/** RFC 9728. No authorization server: the token is given by hand, which a client can explain to its user. */
export function resourceMetadata(request: FastifyRequest) {
  return {
    resource: `${originOf(request)}${MCP_PATH}`,
    resource_name: 'Fluxgate',
    bearer_methods_supported: ['header'],
  }
}

/** The host has been checked; TLS is ended before this server, if at all. */
export function originOf({ headers, host }: FastifyRequest): string {
  return `${headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${host}`
}
