import cookie from '@fastify/cookie'
import { isDeeperThan, MAX_JSON_DEPTH } from '@fluxgate/contracts'
import { type AllowedSources, boundConnections, type Log } from '@fluxgate/runtime'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  LogController,
} from 'fastify'
import { forwardPlay, type PlayParts } from '../gateway/play.http.ts'
import { forwardPortal, type PortalParts } from '../gateway/portal.http.ts'
import { type LiveParts, openLive } from '../live/live.http.ts'
import { type ApiParts, answerApi } from '../routes.ts'
import { requireKnownHost } from '../sessions/gate.http.ts'
import { STATUS } from './error.ts'
import { servePage } from './page.http.ts'
import { protect } from './protection.http.ts'
import { faultOf, sendFault } from './reply.http.ts'
import { answerStatus, type StatusParts } from './status.http.ts'

export interface AppParts extends ApiParts, LiveParts, PlayParts, PortalParts, StatusParts {
  /** Directory of the built page. */
  readonly pageDir: string
  readonly allowed: AllowedSources
  readonly log: Log
  readonly maxBodyBytes: number
  readonly requestTimeoutMs: number
  /** Whose `X-Forwarded-For` says who asks this dashboard. */
  readonly trustedProxies: readonly string[]
}

const CHECK_EVERY_MS = 1_000
/** Pages that watch (`maxClients`), and those that ask. */
const MAX_CONNECTIONS = 2_048
const TOO_DEEP = Object.assign(new Error('The JSON is nested too deeply.'), { statusCode: 400 })

/** The dashboard's HTTP face. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = parts.log.child({ part: 'http' })
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: parts.maxBodyBytes,
    trustProxy: [...parts.trustedProxies],
    requestTimeout: parts.requestTimeoutMs,
    // Node ends no slow request while heads have longer than requests.
    http: { headersTimeout: parts.requestTimeoutMs, connectionsCheckingInterval: CHECK_EVERY_MS },
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
    const fault = faultOf(error)
    if (STATUS[fault.code] >= 500) request.log.error({ err: error, url: request.url }, 'request failed')
    return sendFault(reply, fault)
  })
  protect(app, parts.origin)
  app.addHook('onRequest', requireKnownHost(parts.allowed))
  await app.register(cookie)
  answerStatus(app, parts)
  await app.register(async scope => answerApi(scope, parts), { prefix: '/api' })
  await app.register(async scope => openLive(scope, parts), { prefix: '/api' })
  await app.register(async scope => forwardPortal(scope, parts))
  await app.register(async scope => forwardPlay(scope, parts), { prefix: '/play' })
  await servePage(app, parts.pageDir)
  return app
}
