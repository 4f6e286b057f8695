import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Bearer `ADMIN_TOKEN` on every route of the scope but the named ones; compared in constant time. */
export function requireToken(app: FastifyInstance, token: string, open: ReadonlySet<string>): void {
  const expected = digest(token)
  app.addHook('onRequest', (request, reply, done) => {
    const { authorization = '' } = request.headers
    const given = /^bearer (.+)$/i.exec(authorization)?.[1] ?? ''
    if (open.has(request.routeOptions.url ?? '') || timingSafeEqual(digest(given), expected)) {
      done()
      return
    }
    reply
      .code(401)
      .header('www-authenticate', 'Bearer realm="fluxgate-admin"')
      .send({
        error: { message: 'A valid admin token is needed.', type: 'unauthenticated', code: 'invalid_token' },
      })
  })
}
