import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { faultAnswer, refused } from '../../core/accounts/fault.ts'

const digest = (text: string) => createHash('sha256').update(text).digest()
const { status, body } = faultAnswer(refused('invalid_admin_token', 'A valid admin token is needed.').fault)

/** Bearer `ADMIN_TOKEN` (RFC 6750) on every route of the scope but the named ones; compared in constant time. */
export function requireToken(app: FastifyInstance, token: string, open: ReadonlySet<string>): void {
  const expected = digest(token)
  app.addHook('onRequest', (request, reply, next) => {
    const given = /^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if (timingSafeEqual(digest(given), expected) || open.has(request.routeOptions.url ?? '')) next()
    else reply.code(status).header('www-authenticate', 'Bearer realm="fluxgate-admin"').send(body)
  })
}
