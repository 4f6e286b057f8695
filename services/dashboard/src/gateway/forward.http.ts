import replyFrom, { type FastifyReplyFromHooks } from '@fastify/reply-from'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendError } from '../http/index.ts'

export interface GatewayTarget {
  readonly gatewayUrl: string
  /** PEM of the authority that signed the gateway's certificate; absent: the system's authorities. */
  readonly gatewayCa: Buffer | undefined
  /** Shows the gateway that it may believe the client address that this dashboard names. */
  readonly forwardToken: string | undefined
}

export interface ForwardLimits {
  readonly connections: number
  /** To the first byte, and between two chunks. */
  readonly timeoutMs: number
}

export type Headers = Record<string, string | string[] | undefined>

/** Lets routes of this scope forward requests to the gateway. */
export async function connectGateway(
  app: FastifyInstance,
  { gatewayUrl, gatewayCa }: GatewayTarget,
  { connections, timeoutMs }: ForwardLimits,
): Promise<void> {
  await app.register(replyFrom, {
    base: gatewayUrl,
    undici: {
      connections,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      ...(gatewayCa === undefined ? {} : { connect: { ca: gatewayCa } }),
    },
    // A login, a new key or a paid call whose answer was lost must not be sent again.
    retryMethods: [],
    maxRetriesOn503: 0,
    disableRequestLogging: true,
  })
}

/** Forwards one request, with the headers that the caller chooses for either direction. */
export function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  headers: Required<Pick<FastifyReplyFromHooks, 'rewriteRequestHeaders' | 'rewriteHeaders'>>,
): FastifyReply {
  return reply.from(path, {
    ...headers,
    onError: (failed, { error }) => {
      request.log.error({ err: error }, 'the gateway does not respond')
      sendError(failed as FastifyReply, { code: 'bad_gateway', message: 'The gateway does not respond.' })
    },
  })
}

/** The client's address, and the proof that this dashboard may name it. */
export function forwardedFor(request: FastifyRequest, forwardToken: string | undefined): Headers {
  const headers: Headers = { 'x-forwarded-for': request.ip }
  if (forwardToken !== undefined) headers['x-fluxgate-forward-token'] = forwardToken
  return headers
}
