import { type AllowedSources, isAllowedHost, isAllowedOrigin } from '@fluxgate/runtime'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { sendFault } from '../http/reply.http.ts'
import type { Role } from './answers.ts'
import { isSameOrigin } from './same-origin.ts'
import type { Admit, Visitor } from './visitor.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the gate, null before it. */
    visitor: Visitor | null
  }
}

export interface GateParts {
  readonly admit: Admit
  /** Name of the session cookie as this dashboard's browsers hold it. */
  readonly cookieName: string
  readonly origin: string | undefined
}

/** Lets in who bears a session that is good now. */
export function requireVisitor({ admit, cookieName }: GateParts): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const token = request.cookies[cookieName]
    const visitor = token === undefined ? undefined : await admit(token)
    if (!visitor) return sendFault(reply, { code: 'unauthenticated', message: 'Log in first.' })
    request.visitor = visitor
  }
}

export function requireRole(role: Role): onRequestAsyncHookHandler {
  return async (request, reply) => {
    if (request.visitor?.role === role) return
    return sendFault(reply, { code: 'forbidden', message: `This is for ${role}s.` })
  }
}

/** Refuses what changes something unless this dashboard's own page sent it. */
export function requireSameOrigin({ origin }: Pick<GateParts, 'origin'>): onRequestAsyncHookHandler {
  return async (request, reply) => {
    if (isSafe(request.method) || isSameOrigin(sourceOf(request), origin)) return
    return sendFault(reply, { code: 'cross_site', message: 'This request comes from another site.' })
  }
}

/** What containers and balancers ask by the address of this process. */
const PROBED: ReadonlySet<string> = new Set(['/health', '/ready'])

/** Refuses what asks for a name that is not this dashboard's: a page elsewhere whose name now leads here. */
export function requireKnownHost(allowed: AllowedSources): onRequestAsyncHookHandler {
  return async ({ headers, url }, reply) => {
    if (PROBED.has(url)) return
    if (!isAllowedHost(headers.host, allowed)) {
      return sendFault(reply, {
        code: 'forbidden',
        message: `The host ${JSON.stringify(headers.host ?? '').slice(0, 100)} is not allowed here; DASHBOARD_ALLOWED_HOSTS lists more.`,
      })
    }
    if (!isAllowedOrigin(headers.origin, allowed)) {
      return sendFault(reply, {
        code: 'cross_site',
        message: 'Pages of this origin are not allowed here; DASHBOARD_ALLOWED_ORIGINS lists more.',
      })
    }
  }
}

/** The visitor that the gate has let in. */
export function visitorOf(request: FastifyRequest): Visitor {
  if (!request.visitor) throw new Error('the route has no gate')
  return request.visitor
}

/** Who it was, as the log will tell. */
export function actorOf(visitor: Visitor): string {
  return `operator:${visitor.user}`
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function sourceOf({ headers }: FastifyRequest) {
  const site = headers['sec-fetch-site']
  return {
    origin: headers.origin,
    secFetchSite: Array.isArray(site) ? site[0] : site,
    host: headers.host,
  }
}
