import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { errorAnswer, refused } from '../http/index.ts'

/** One a purpose; each can do no more than its holder needs. */
export interface AdminTokens {
  /** Everything. */
  readonly operator: string
  /** The routes of {@link DASHBOARD_ROUTES}; absent: no dashboard may ask. */
  readonly dashboard: string | undefined
  /** `GET /metrics`; absent: only the operator's token reads them. */
  readonly metrics: string | undefined
}

/** What the dashboard asks of a gateway (services/dashboard/src/out). */
export const DASHBOARD_ROUTES: ReadonlySet<string> = new Set([
  'GET /admin/metrics',
  'GET /admin/upstreams',
  'GET /admin/tiers',
  'POST /admin/users',
  'POST /admin/users/disable',
  'POST /admin/users/enable',
  'POST /admin/tier',
  'POST /admin/role',
  'POST /admin/keys/generate',
  'DELETE /admin/keys/:id',
])
const METRICS_ROUTES: ReadonlySet<string> = new Set(['GET /metrics'])

const digest = (text: string) => createHash('sha256').update(text).digest()
const UNKNOWN = errorAnswer(refused('invalid_admin_token', 'A valid admin token is needed.').fault)
const TOO_LITTLE = errorAnswer(refused('forbidden_token', 'This token is not for this route.').fault)

declare module 'fastify' {
  interface FastifyRequest {
    /** Who orders it, as events name them. */
    actor: string
  }
}

/** The dashboard orders for a person, whom it has let in. */
export const ACTOR_HEADER = 'x-fluxgate-actor'
const ACTOR = /^operator:[\w-]{1,64}$/

interface Holder {
  readonly name: 'admin' | 'dashboard' | 'metrics'
  readonly digest: Buffer
  /** Undefined: all. */
  readonly routes: ReadonlySet<string> | undefined
}

/** A bearer token (RFC 6750) on every route of the scope but the open ones; compared by digest, in constant time. */
export function requireToken(app: FastifyInstance, tokens: AdminTokens, open: ReadonlySet<string>): void {
  const holders: Holder[] = [{ name: 'admin', digest: digest(tokens.operator), routes: undefined }]
  if (tokens.dashboard !== undefined) {
    holders.push({ name: 'dashboard', digest: digest(tokens.dashboard), routes: DASHBOARD_ROUTES })
  }
  if (tokens.metrics !== undefined)
    holders.push({ name: 'metrics', digest: digest(tokens.metrics), routes: METRICS_ROUTES })
  app.decorateRequest('actor', 'admin')
  app.addHook('onRequest', (request, reply, next) => {
    const route = request.routeOptions.url ?? ''
    if (open.has(route)) return next()
    const given = digest(/^bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '')
    // Each is compared, so that the time does not say which one it was.
    const holder = holders.filter(known => timingSafeEqual(known.digest, given))[0]
    const method = request.method === 'HEAD' ? 'GET' : request.method
    if (holder && (holder.routes?.has(`${method} ${route}`) ?? true)) {
      request.actor = actorOf(holder, request.headers[ACTOR_HEADER])
      return next()
    }
    const { status, body } = holder ? TOO_LITTLE : UNKNOWN
    const error = holder ? ', error="insufficient_scope"' : ''
    reply.code(status).header('www-authenticate', `Bearer realm="fluxgate-admin"${error}`).send(body)
  })
}

function actorOf({ name }: Holder, given: string | string[] | undefined): string {
  return name === 'dashboard' && typeof given === 'string' && ACTOR.test(given) ? given : name
}
