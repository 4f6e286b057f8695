import cookie from '@fastify/cookie'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import {
  Backoff,
  DEFAULT_CREATION_LIMITS,
  DEFAULT_REGISTRATION_LIMITS,
  LoginGuard,
} from '../accounts/index.ts'
import { type ApiError, type ErrorLog, errorOf, isFromOwnPage, sendError } from '../http/index.ts'
import { routeAccounts } from './account-routes.http.ts'
import { routeKeys } from './key-routes.http.ts'
import { routeSessions } from './session-routes.http.ts'
import type { VisitorDeps } from './visitor.ts'

type Made = 'guard' | 'registrations' | 'creations' | 'onSessionEnded' | 'log' | 'addressOf'

export interface PortalDeps extends Omit<VisitorDeps, Made>, Partial<Pick<VisitorDeps, Made>> {
  readonly log: ErrorLog
  /** Origins besides the gateway's own from which pages may call, such as `https://ops.example.com`. */
  readonly origins?: readonly string[]
  /** Registrations are answered after this time, whether they made an account or not. */
  readonly registrationMs?: number
  /** True when the log can take no new facts. */
  readonly logFull?: () => boolean
}

const BODY_BYTES = 16 * 1024
const REGISTRATION_MS = 300
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** What changes an account is a fact, and the log can take no new ones. */
const LOG_FULL: ApiError = Object.freeze({
  code: 'unavailable',
  message: 'The gateway cannot record changes right now. Please try again.',
  retryAfterMs: 2_000,
})

const HEADERS = Object.freeze({
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
})

/** `/portal/*`: accounts, sessions and API keys for people (contract: design, section 5). */
export async function registerPortal(app: FastifyInstance, given: PortalDeps): Promise<void> {
  const { log, origins = [], registrationMs = REGISTRATION_MS, logFull = () => false } = given
  const deps = {
    guard: new LoginGuard(),
    registrations: new Backoff(DEFAULT_REGISTRATION_LIMITS),
    creations: new Backoff(DEFAULT_CREATION_LIMITS),
    onSessionEnded: (sessionId: string) => given.live.evict(sessionId),
    addressOf: (request: FastifyRequest) => request.ip,
    registrationMs,
    ...given,
  }
  await app.register(
    async scope => {
      await scope.register(cookie)
      takeJsonOnly(scope)
      scope.setErrorHandler<Error>((error, request, reply) => {
        // Fastify ends the connection after a body that is too long; HTTP/2 ends the stream alone.
        if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
        return sendError(reply, errorOf(error, log))
      })
      scope.setNotFoundHandler((request, reply) =>
        sendError(reply, { code: 'not_found', message: `There is no ${request.method} here.` }),
      )
      scope.addHook('onRequest', async (request, reply) => {
        reply.headers(HEADERS)
        if (SAFE_METHODS.has(request.method)) return
        const { origin, 'sec-fetch-site': site } = request.headers
        const secFetchSite = Array.isArray(site) ? site.join() : site
        if (!isFromOwnPage({ secFetchSite, origin, host: request.host }, origins)) {
          return sendError(reply, { code: 'cross_site', message: 'Cross-site requests are not allowed.' })
        }
        if (logFull()) return sendError(reply, LOG_FULL)
      })
      routeAccounts(scope, deps)
      routeKeys(scope, deps)
      routeSessions(scope, deps)
    },
    { prefix: '/portal' },
  )
}

/** Forms of other sites can send text, never JSON; a body may also be absent. */
function takeJsonOnly(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  const parseJson = scope.getDefaultJsonParser('error', 'error')
  scope.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: BODY_BYTES },
    (request, body, done) => {
      if (body === '') done(null, undefined)
      else parseJson(request, body as string, done)
    },
  )
}
