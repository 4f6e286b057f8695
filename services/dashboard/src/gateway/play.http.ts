import replyFrom from '@fastify/reply-from'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answerOf } from '../http/reply.http.ts'
import { type GateParts, requireSameOrigin, requireVisitor } from '../sessions/gate.http.ts'
import { forwardedBy } from './portal.http.ts'

export interface PlayParts extends GateParts {
  readonly gatewayUrl: string
  readonly gatewayCa: Buffer | undefined
  readonly forwardToken: string | undefined
  /** For a model's first byte, and between two of its pieces. */
  readonly modelTimeoutMs: number
}

const CONNECTIONS = 32
const GATEWAY_AWAY = answerOf({ code: 'bad_gateway', message: 'The gateway does not respond.' })
const PASSED_BACK =
  /^(content-type|retry-after|x-request-id|x-fluxgate-[a-z-]+|x-ratelimit-[a-z-]+|x-accel-buffering)$/

/**
 * The playground's calls: a visitor's own, by the session that the gateway takes as a caller's token. Only what the
 * page needs crosses: the list of models, and a chat.
 */
export async function forwardPlay(app: FastifyInstance, parts: PlayParts): Promise<void> {
  const { gatewayUrl, gatewayCa, modelTimeoutMs } = parts
  await app.register(replyFrom, {
    base: gatewayUrl,
    undici: {
      connections: CONNECTIONS,
      headersTimeout: modelTimeoutMs,
      bodyTimeout: modelTimeoutMs,
      ...(gatewayCa === undefined ? {} : { connect: { ca: gatewayCa } }),
    },
    retryMethods: [],
    maxRetriesOn503: 0,
    disableRequestLogging: true,
  })
  app.addHook('onRequest', requireSameOrigin(parts))
  app.addHook('onRequest', requireVisitor(parts))
  const forward = (path: string) => (request: FastifyRequest, reply: FastifyReply) =>
    reply.from(path, {
      rewriteRequestHeaders: (_request, headers) => ({
        'content-type': headers['content-type'],
        'content-length': headers['content-length'],
        ...forwardedBy(request, parts.forwardToken),
        authorization: `Bearer ${request.cookies[parts.cookieName]}`,
      }),
      rewriteHeaders: headers => ({
        'cache-control': 'no-store',
        ...Object.fromEntries(Object.entries(headers).filter(([name]) => PASSED_BACK.test(name))),
      }),
      onError: (failed, { error }) => {
        request.log.error({ err: error }, 'the gateway does not answer')
        const { code, body } = GATEWAY_AWAY
        failed.code(code).send(body)
      },
    })
  app.get('/models', forward('/v1/models'))
  app.post('/chat', forward('/v1/chat/completions'))
}
