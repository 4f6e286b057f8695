import { IncidentId, Throttle } from '@fluxgate/contracts'
import {
  MAX_THROTTLE_SECONDS,
  type OrderedIncident,
  type OrderOutcome,
  type Orders,
  type ThrottleOrder,
} from '@fluxgate/operations'
import type { Database } from '@fluxgate/read-model'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { namesOf } from '../accounts/index.ts'
import {
  body,
  identityText as identity,
  orderText,
  sendError,
  sendOutcome,
  throttleReason,
} from '../http/index.ts'
import type { LiveHub } from '../live/index.ts'
import { actorOf, visitorOf } from '../sessions/index.ts'
import type { IncidentDetail, IncidentPage, IncidentScope } from './answers.ts'
import { findIncidentView, listIncidentViews } from './incidents.pg.ts'
import { evolveIncident, isIncidentEvent, type RecentIncidents } from './recent-incidents.ts'
import { throttlePage } from './throttles.pg.ts'

export interface IncidentRoutes {
  readonly db: Database
  readonly hub: LiveHub
  readonly recent: RecentIncidents
  readonly orders: Orders
  readonly nowMs: () => number
  readonly listRows: number
}

const SCOPES: readonly IncidentScope[] = ['open', 'closed', 'all']
const idParams = body({ id: IncidentId })
const listQuery = {
  type: 'object',
  properties: { scope: { enum: SCOPES, default: 'open' }, before: { type: 'string', maxLength: 400 } },
}

/** Incidents and throttles: lists, details, and what operators order about them. */
export function incidentRoutes(app: FastifyInstance, options: IncidentRoutes): void {
  const { db, hub, recent, nowMs, listRows: limit } = options
  app.get<{ Querystring: { scope: IncidentScope; before?: string } }>(
    '/incidents',
    { schema: { querystring: listQuery } },
    async ({ query: { scope, before } }): Promise<IncidentPage> => {
      const { items, next } = await listIncidentViews(db, recent, scope, { limit, before })
      return { items, names: await namesOf(db, items), ...(next === undefined ? {} : { next }) }
    },
  )
  app.get<{ Params: { id: string } }>(
    '/incidents/:id',
    { schema: { params: idParams } },
    async (request, reply) => {
      const incident = await findIncidentView(db, recent, request.params.id)
      if (!incident) return sendError(reply, { code: 'not_found', message: 'There is no such incident.' })
      const throttle = hub.throttleOf(`${incident.userId}.${incident.keyId}`, nowMs()) ?? null
      return { incident, throttle, names: await namesOf(db, [incident]) } satisfies IncidentDetail
    },
  )
  app.get('/throttles', () => throttlePage(db, hub, nowMs(), limit))
  throttleOrderRoutes(app, options.orders)
  incidentOrderRoutes(app, options)
}

function throttleOrderRoutes(app: FastifyInstance, orders: Orders): void {
  app.post<{ Params: { identity: string }; Body: { reason: string } }>(
    '/throttles/:identity/pardon',
    { schema: { params: body({ identity }), body: body({ reason: throttleReason }) } },
    async (request, reply) => {
      const { params, body: order } = request
      return sendOutcome(
        reply,
        await orders.pardon(actorOf(visitorOf(request)), params.identity, order.reason),
      )
    },
  )
  const { capacity, refillRate } = Throttle.properties
  const seconds = { type: 'integer', minimum: 1, maximum: MAX_THROTTLE_SECONDS }
  const order = body({ identity, capacity, refillRate, seconds, reason: throttleReason })
  app.post<{ Body: ThrottleOrder }>('/throttles', { schema: { body: order } }, async (request, reply) =>
    sendOutcome(reply, await orders.throttle(actorOf(visitorOf(request)), request.body), 201),
  )
}

function incidentOrderRoutes(app: FastifyInstance, options: IncidentRoutes): void {
  const { orders } = options
  app.post<{ Params: { id: string }; Body: { note: string } }>(
    '/incidents/:id/acknowledge',
    { schema: { params: idParams, body: body({ note: orderText }) } },
    async (request, reply) => {
      const { params, body: order } = request
      const outcome = await orders.acknowledge(actorOf(visitorOf(request)), params.id, order.note)
      return sendIncident(reply, options, outcome)
    },
  )
  app.post<{ Params: { id: string }; Body: { reason: string } }>(
    '/incidents/:id/close',
    { schema: { params: idParams, body: body({ reason: orderText }) } },
    async (request, reply) => {
      const { params, body: order } = request
      const outcome = await orders.close(actorOf(visitorOf(request)), params.id, order.reason)
      return sendIncident(reply, options, outcome)
    },
  )
}

/** The incident after the order: its row, if the read model answers, with its own events on top. */
async function sendIncident(
  reply: FastifyReply,
  { db, recent }: IncidentRoutes,
  outcome: OrderOutcome<OrderedIncident>,
): Promise<FastifyReply> {
  if (!outcome.ok) return sendOutcome(reply, outcome)
  const { incident, events } = outcome.value
  const row = await findIncidentView(db, recent, incident).catch(() => undefined)
  return reply.send(events.filter(isIncidentEvent).reduce(evolveIncident, row))
}
