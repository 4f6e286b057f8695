import {
  type IssuedSession,
  type LiveSessions,
  SESSION_COOKIE,
  SESSION_COOKIE_OPTIONS,
  type Sessions,
} from '@fluxgate/session'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { LiveSession } from '../../core/accounts/accounts.ts'
import { randomText } from '../../core/accounts/api-key.ts'
import { done, type Outcome, refused } from '../../core/accounts/fault.ts'
import type { PortalTools } from '../../core/accounts/portal-tools.ts'
import type { Visit } from '../../core/accounts/visit.ts'
import { shortText } from '../../core/exchange/call.ts'

export interface VisitorDeps extends PortalTools {
  readonly sessions: Sessions
  readonly live: LiveSessions<LiveSession>
}

/** A path's part that can be an id of ours; of anything else there is nothing, and no database is asked. */
export const ID = ':id(^[\\w-]{1,64}$)'

const NOT_LOGGED_IN = refused('not_logged_in', 'Log in first.')
/** 142 random bits (ASVS 7.2.3). */
const SESSION_ID_CHARS = 24

/** Who sends this request, as his session and his account are now. */
export async function visitorOf(deps: VisitorDeps, request: FastifyRequest): Promise<Outcome<LiveSession>> {
  const token = request.cookies[SESSION_COOKIE]
  if (token === undefined) return NOT_LOGGED_IN
  const checked = await deps.sessions.verify(token)
  if (!checked.ok) return NOT_LOGGED_IN
  const { id, user } = checked.session
  const found = await deps.live.find(id)
  return found?.userId === user ? done(found) : NOT_LOGGED_IN
}

export function visitOf(deps: VisitorDeps, request: FastifyRequest): Visit<IssuedSession> {
  return {
    address: addressOf(request),
    agent: shortText(request.headers['user-agent'] ?? ''),
    issue: who => deps.sessions.issue({ id: randomText(SESSION_ID_CHARS, deps.random), ...who }),
  }
}

export function addressOf(request: FastifyRequest): string {
  return shortText(request.ip)
}

export function giveCookie(reply: FastifyReply, { token }: IssuedSession, ttlSeconds: number): void {
  reply.setCookie(SESSION_COOKIE, token, { ...SESSION_COOKIE_OPTIONS, maxAge: ttlSeconds })
}

export function takeCookie(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, SESSION_COOKIE_OPTIONS)
}
