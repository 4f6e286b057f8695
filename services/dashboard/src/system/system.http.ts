import type { FastifyInstance } from 'fastify'
import type { DeadLetters, Views } from '../core/desk.ts'
import { body, orderText } from '../http/fields.ts'
import { sendOutcome } from '../http/reply.http.ts'
import { actorOf, visitorOf } from '../sessions/gate.http.ts'

const sequence = { type: 'integer', minimum: 1 }
const pageQuery = { type: 'object', properties: { before: sequence } }

/** Nodes, upstreams, streams, consumers and projections; and the dead letters. */
export function answerSystem(app: FastifyInstance, views: Views, deadLetters: DeadLetters): void {
  app.get('/system', () => views.system())
  app.get<{ Querystring: { before?: number } }>(
    '/dead-letters',
    { schema: { querystring: pageQuery } },
    ({ query }) => deadLetters.page(query.before),
  )
  app.post<{ Params: { sequence: number }; Body: { reason: string } }>(
    '/dead-letters/:sequence/replay',
    { schema: { params: body({ sequence }), body: body({ reason: orderText }) } },
    async (request, reply) => {
      const actor = actorOf(visitorOf(request))
      return sendOutcome(reply, await deadLetters.replay(request.params.sequence, actor, request.body.reason))
    },
  )
}
