import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Gate, requireSameOrigin, requireVisitor } from '../sessions/index.ts'
import { connectGateway, forward, forwardedFor, type GatewayTarget } from './forward.http.ts'

export interface PlayOptions extends GatewayTarget {
  readonly modelTimeoutMs: number
}

const CONNECTIONS = 32
const RESPONSE_HEADERS =
  /^(content-type|retry-after|x-request-id|x-fluxgate-[a-z-]+|x-ratelimit-[a-z-]+|x-accel-buffering)$/

/**
 * The playground's calls: the visitor's own, with the session as the caller's token. Only what the page needs is
 * forwarded: the list of models, and a chat.
 */
export async function playRoutes(app: FastifyInstance, gate: Gate, options: PlayOptions): Promise<void> {
  await connectGateway(app, options, { connections: CONNECTIONS, timeoutMs: options.modelTimeoutMs })
  app.addHook('onRequest', requireSameOrigin(gate))
  app.addHook('onRequest', requireVisitor(gate))
  const to = (path: string) => (request: FastifyRequest, reply: FastifyReply) =>
    forward(request, reply, path, {
      rewriteRequestHeaders: (_request, headers) => ({
        'content-type': headers['content-type'],
        'content-length': headers['content-length'],
        ...forwardedFor(request, options.forwardToken),
        authorization: `Bearer ${request.cookies[gate.cookieName]}`,
      }),
      rewriteHeaders: headers => ({
        'cache-control': 'no-store',
        ...Object.fromEntries(Object.entries(headers).filter(([name]) => RESPONSE_HEADERS.test(name))),
      }),
    })
  app.get('/models', to('/v1/models'))
  app.post('/chat', to('/v1/chat/completions'))
}
