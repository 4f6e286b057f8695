import type { FastifyInstance } from 'fastify'

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
