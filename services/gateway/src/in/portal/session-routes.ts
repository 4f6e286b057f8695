import type { FastifyInstance } from 'fastify'
import { refused } from '../../core/accounts/fault.ts'
import { endAllSessions, endSession } from '../../core/accounts/visit.ts'
import { sendFault } from './answer.ts'
import { addressOf, ID, takeCookie, type VisitorDeps, visitorOf } from './visitor.ts'

const NO_SESSION = refused('not_found', 'There is no such session.')

/** Where one is logged in, and the ways to end it (ASVS 7.5.2). */
export function routeSessions(scope: FastifyInstance, deps: VisitorDeps): void {
  scope.get('/sessions', async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendFault(reply, visitor.fault)
    const { userId, id: current } = visitor.value
    const sessions = await deps.accounts.listSessions(userId, deps.epochMs())
    return reply.send({
      sessions: sessions.map(({ id, createdAt, expiresAt, address, agent }) => {
        return { id, createdAt, expiresAt, address, agent, current: id === current }
      }),
    })
  })

  scope.delete<{ Params: { id: string } }>(`/sessions/${ID}`, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendFault(reply, visitor.fault)
    const { userId, id: current } = visitor.value
    const sessionId = request.params.id
    const ended = await endSession(deps, { userId, sessionId, address: addressOf(request) })
    if (!ended) return sendFault(reply, NO_SESSION.fault)
    if (sessionId === current) takeCookie(reply)
    return reply.code(204).send()
  })

  scope.post('/logout-everywhere', async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendFault(reply, visitor.fault)
    const ended = await endAllSessions(deps, visitor.value.userId, addressOf(request))
    takeCookie(reply)
    return reply.send({ ended })
  })
}
