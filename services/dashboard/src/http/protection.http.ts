import { type AllowedSources, isAllowedHost, isAllowedOrigin } from '@fluxgate/runtime'
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import { sendError } from './reply.http.ts'

/** Nothing from anywhere else: no third party, no inline script or style, no frame. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "object-src 'none'",
].join('; ')

const HEADERS = Object.freeze({
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
})
const YEAR_S = 31_536_000

/** Headers that every answer carries. */
export function protect(app: FastifyInstance, origin: string | undefined): void {
  const strict = origin?.startsWith('https:') ? { 'strict-transport-security': `max-age=${YEAR_S}` } : {}
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ ...HEADERS, ...strict })
  })
}

/** What containers and balancers ask by the address of this process. */
const PROBED: ReadonlySet<string> = new Set(['/health', '/ready'])

/** Refuses what asks for a name that is not this dashboard's: a page elsewhere whose name now leads here. */
export function requireKnownHost(allowed: AllowedSources): onRequestAsyncHookHandler {
  return async ({ headers, url }, reply) => {
    if (PROBED.has(url)) return
    if (!isAllowedHost(headers.host, allowed)) {
      return sendError(reply, {
        code: 'forbidden',
        message: `The host ${JSON.stringify(headers.host ?? '').slice(0, 100)} is not allowed here; DASHBOARD_ALLOWED_HOSTS lists more.`,
      })
    }
    if (!isAllowedOrigin(headers.origin, allowed)) {
      return sendError(reply, {
        code: 'cross_site',
        message: 'Pages of this origin are not allowed here; DASHBOARD_ALLOWED_ORIGINS lists more.',
      })
    }
  }
}
