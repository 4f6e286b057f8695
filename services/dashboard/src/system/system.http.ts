import type { DeadLetters } from '@fluxgate/operations'
import type { FastifyInstance } from 'fastify'
import { body, orderText, sendOutcome, shareFor } from '../http/index.ts'
import { actorOf, visitorOf } from '../sessions/index.ts'
import { type SystemSources, systemView } from './system.nats.ts'

export interface SystemRoutes extends SystemSources {
  readonly deadLetters: DeadLetters
  /** One answer serves all who ask within this time. */
  readonly overviewAgeMs: number
}

const sequence = { type: 'integer', minimum: 1 }
const pageQuery = { type: 'object', properties: { before: sequence } }

/** Nodes, upstreams, streams, consumers and projections; and the dead letters. */
export function systemRoutes(app: FastifyInstance, options: SystemRoutes): void {
  const { deadLetters, nowMs, overviewAgeMs: ageMs } = options
  const shared = shareFor({ ageMs, nowMs, version: () => 0 }, () => systemView(options))
  app.get('/system', () => shared())
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
      return sendOutcome(reply, await deadLetters.replay(actor, request.params.sequence, request.body.reason))
    },
  )
}
