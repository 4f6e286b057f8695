import {
  DEVICE_COOKIE,
  type IssuedSession,
  type LiveSessions,
  SESSION_COOKIE,
  SESSION_COOKIE_OPTIONS,
  type Sessions,
} from '@fluxgate/session'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type LiveSession, type LoginSession, type PortalTools, randomText } from '../accounts/index.ts'
import { agentProducts, done, type Outcome, refused } from '../http/index.ts'

export interface VisitorDeps extends PortalTools {
  readonly sessions: Sessions
  readonly live: LiveSessions<LiveSession>
  /** The client's address; for limits only. */
  readonly addressOf: (request: FastifyRequest) => string
  /** The address as events and tables have it. */
  readonly eventAddress: (address: string) => string
  /** The clear address of what events have, for as long as it is stored. */
  readonly resolveAddress: (text: string) => Promise<string | undefined>
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

export function visitOf(deps: VisitorDeps, request: FastifyRequest): LoginSession<IssuedSession> {
  const address = deps.addressOf(request)
  return {
    address,
    eventAddress: deps.eventAddress(address),
    agent: agentProducts(request.headers['user-agent'] ?? ''),
    deviceCookie: request.cookies[DEVICE_COOKIE],
    issue: who => deps.sessions.issue({ id: randomText(SESSION_ID_CHARS, deps.random), ...who }),
  }
}

/** The sender's address as events have it. */
export function eventAddressOf(deps: VisitorDeps, request: FastifyRequest): string {
  return deps.eventAddress(deps.addressOf(request))
}

export function giveCookie(reply: FastifyReply, { token }: IssuedSession, ttlSeconds: number): void {
  reply.setCookie(SESSION_COOKIE, token, { ...SESSION_COOKIE_OPTIONS, maxAge: ttlSeconds })
}

/** For its owner to see: empty when the clear address is no longer stored, or cannot be asked for. */
export async function shownAddress(deps: VisitorDeps, text: string): Promise<string> {
  return (await deps.resolveAddress(text).catch(() => undefined)) ?? ''
}

/** Stays when the session ends: it says that this browser was let in once, and opens nothing. */
export function giveDeviceCookie(reply: FastifyReply, value: string, maxAgeSeconds: number): void {
  reply.setCookie(DEVICE_COOKIE, value, { ...SESSION_COOKIE_OPTIONS, maxAge: maxAgeSeconds })
}

export function takeCookie(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, SESSION_COOKIE_OPTIONS)
}
