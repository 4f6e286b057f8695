import type { FastifyInstance } from 'fastify'
import { endAllSessions, endSession } from '../accounts/index.ts'
import {
  CHANGING,
  documented,
  EMPTY,
  Ended,
  json,
  list,
  READING,
  refused,
  Session,
  sendError,
} from '../http/index.ts'
import { eventAddressOf, ID, shownAddress, takeCookie, type VisitorDeps, visitorOf } from './visitor.ts'

const NO_SESSION = refused('not_found', 'There is no such session.')

const tag = 'portal'
const LIST = documented({
  summary: 'Own sessions',
  tag,
  answers: { 200: json(list('sessions', Session)) },
  faults: READING,
})
const END = documented({
  summary: 'End an own session',
  tag,
  answers: { 204: EMPTY },
  faults: [...READING, ...CHANGING, 'not_found'],
})
const END_ALL = documented({
  summary: 'End all own sessions, this one too',
  tag,
  answers: { 200: json(Ended) },
  faults: [...READING, ...CHANGING],
})

/** Where one is logged in, and the ways to end it (ASVS 7.5.2). */
export function routeSessions(scope: FastifyInstance, deps: VisitorDeps): void {
  scope.get('/sessions', LIST, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const { userId, id: current } = visitor.value
    const sessions = await deps.accounts.listSessions(userId, deps.epochMs())
    const shown = sessions.map(async ({ id, createdAt, expiresAt, address: text, agent }) => {
      const address = await shownAddress(deps, text)
      return { id, createdAt, expiresAt, address, agent, current: id === current }
    })
    return reply.send({ sessions: await Promise.all(shown) })
  })

  scope.delete<{ Params: { id: string } }>(`/sessions/${ID}`, END, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const { userId, id: current } = visitor.value
    const sessionId = request.params.id
    const ended = await endSession(deps, { userId, sessionId, address: eventAddressOf(deps, request) })
    if (!ended) return sendError(reply, NO_SESSION.fault)
    if (sessionId === current) takeCookie(reply)
    return reply.code(204).send()
  })

  scope.post('/logout-everywhere', END_ALL, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const ended = await endAllSessions(deps, visitor.value.userId, eventAddressOf(deps, request))
    takeCookie(reply)
    return reply.send({ ended })
  })
}
