import { ProtocolErrorCode } from '@modelcontextprotocol/server'
import type { FastifyReply } from 'fastify'

/** What JSON-RPC calls it; other statuses are the transport's own errors. */
const CODES: Readonly<Record<number, number>> = Object.freeze({
  400: ProtocolErrorCode.ParseError,
  500: ProtocolErrorCode.InternalError,
})
const TRANSPORT_ERROR = -32_000

/** A refusal before any message was read, in the shape that MCP clients show. */
export function sendRpcError(reply: FastifyReply, status: number, message: string): FastifyReply {
  const error = { code: CODES[status] ?? TRANSPORT_ERROR, message }
  return reply.code(status).send({ jsonrpc: '2.0', error, id: null })
}
