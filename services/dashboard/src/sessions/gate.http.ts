import type { Actor } from '@fluxgate/operations'
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { sendError } from '../http/index.ts'
import type { Role } from './answers.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set by the gate, null before it. */
    visitor: Visitor | null
  }
}

/** Who is behind a request, as the account is now. */
export interface Visitor {
  readonly user: string
  readonly session: string
  readonly email: string | null
  readonly role: Role
  readonly tier: string
  readonly expiresAt: number
}

/** What decides who may ask. */
export interface Gate {
  /** Admits the bearer of a session token; undefined for a token that is false, expired or ended. */
  readonly admit: (token: string) => Promise<Visitor | undefined>
  /** Name of the session cookie as this dashboard's browsers hold it. */
  readonly cookieName: string
  readonly origin: string | undefined
}

/** Lets in who bears a session that is good now. */
export function requireVisitor({ admit, cookieName }: Gate): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const token = request.cookies[cookieName]
    const visitor = token === undefined ? undefined : await admit(token)
    if (!visitor) return sendError(reply, { code: 'unauthenticated', message: 'Log in first.' })
    request.visitor = visitor
  }
}

export function requireRole(role: Role): onRequestAsyncHookHandler {
  return async (request, reply) => {
    if (request.visitor?.role === role) return
    return sendError(reply, { code: 'forbidden', message: `This requires the ${role} role.` })
  }
}

/** Refuses what changes something unless this dashboard's own page sent it. */
export function requireSameOrigin({ origin }: Pick<Gate, 'origin'>): onRequestAsyncHookHandler {
  return async (request, reply) => {
    if (isSafe(request.method) || isSameOrigin(sourceOf(request), origin)) return
    return sendError(reply, { code: 'cross_site', message: 'Requests from other sites are refused.' })
  }
}

/** The visitor that the gate has let in. */
export function visitorOf(request: FastifyRequest): Visitor {
  if (!request.visitor) throw new Error('the route has no gate')
  return request.visitor
}

/** The operator as events name them. */
export function actorOf(visitor: Visitor): Actor {
  return { name: `operator:${visitor.user}`, role: visitor.role === 'operator' ? 'operator' : 'reader' }
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

/**
 * Whether an open connection may stay: its session may end, and its role be taken, meanwhile. While that cannot be looked
 * up, it stays.
 */
export async function isStillOperator({ admit }: Gate, token: string | undefined): Promise<boolean> {
  try {
    const visitor = token === undefined ? undefined : await admit(token)
    return visitor?.role === 'operator'
  } catch {
    return true
  }
}

/** What a browser says about where a request comes from. */
export interface RequestSource {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly host: string | undefined
}

/**
 * Whether a request that changes something was sent by this dashboard's own page. `ownOrigin` is known behind a
 * proxy; otherwise the origin must name the host that the browser asked.
 */
export function isSameOrigin(source: RequestSource, ownOrigin: string | undefined): boolean {
  // Browsers send it with every request, and pages cannot set it.
  if (source.secFetchSite !== undefined && source.secFetchSite !== 'same-origin') return false
  if (source.origin === undefined) return source.secFetchSite === 'same-origin'
  if (ownOrigin !== undefined) return source.origin === ownOrigin
  return source.host !== undefined && URL.parse(source.origin)?.host === source.host
}
