import cookie from '@fastify/cookie'
import { isDeeperThan, MAX_JSON_DEPTH } from '@fluxgate/contracts'
import { type AllowedSources, boundConnections, type Log } from '@fluxgate/runtime'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from 'fastify'
import { STATUS } from './error.ts'
import { protect, requireKnownHost } from './protection.http.ts'
import { apiErrorOf, sendError } from './reply.http.ts'

export interface ServerOptions {
  readonly log: Log
  readonly maxBodyBytes: number
  readonly requestTimeoutMs: number
  /** Proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  readonly allowed: AllowedSources
  readonly origin: string | undefined
}

const CHECK_EVERY_MS = 1_000
/** Live connections (`maxClients`) and requests. */
const MAX_CONNECTIONS = 2_048
const TOO_DEEP = Object.assign(new Error('The JSON is nested too deeply.'), { statusCode: 400 })

/** A server with this dashboard's limits, error answers and security headers, and no routes yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = options.log.child({ part: 'http' })
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.maxBodyBytes,
    trustProxy: [...options.trustedProxies],
    requestTimeout: options.requestTimeoutMs,
    // Node ends no slow request while heads have longer than requests.
    http: { headersTimeout: options.requestTimeoutMs, connectionsCheckingInterval: CHECK_EVERY_MS },
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  })
  boundConnections(app.server, MAX_CONNECTIONS)
  // A form of another site can send text; none can send JSON.
  app.removeContentTypeParser('text/plain')
  const readJson = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (isDeeperThan(body, MAX_JSON_DEPTH)) done(TOO_DEEP)
    else readJson(request, body, done)
  })
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const answer = apiErrorOf(error)
    if (STATUS[answer.code] >= 500) request.log.error({ err: error, url: request.url }, 'request failed')
    return sendError(reply, answer)
  })
  protect(app, options.origin)
  app.addHook('onRequest', requireKnownHost(options.allowed))
  await app.register(cookie)
  return app
}
