import { IncidentId, Throttle } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import { answerPeople } from './accounts/users.http.ts'
import type { DeadLetters, Orders, OwnViews, People, Policies, ThrottleOrder, Views } from './core/desk.ts'
import { answerForensics, type ForensicsParts } from './forensics/forensics.http.ts'
import {
  body,
  identityText as identity,
  rangeQuery,
  throttleReason as reason,
  orderText as text,
} from './http/fields.ts'
import { sendFault, sendOutcome } from './http/reply.http.ts'
import type { IncidentScope } from './incidents/answers.ts'
import { answerPolicies } from './policy/policy.http.ts'
import type { SessionView } from './sessions/answers.ts'
import { actorOf, requireRole, requireSameOrigin, requireVisitor, visitorOf } from './sessions/gate.http.ts'
import { answerSystem } from './system/system.http.ts'
import type { RangeName } from './usage/answers.ts'

export interface ApiParts extends ForensicsParts {
  readonly views: Views
  readonly orders: Orders
  readonly policies: Policies
  readonly people: People
  readonly deadLetters: DeadLetters
  readonly ownViews: OwnViews
  readonly gatewayPublicUrl: string
  readonly gatewayCa: Buffer | undefined
  readonly modelToTry: () => Promise<string>
}

const MINUTE_MS = 60_000
/** Windows of the list of identities; usage is kept by the minute. */
const WINDOWS_MINUTES = [5, 60, 1_440, 43_200]
const MAX_SECONDS = 31 * 86_400

const incidentParams = body({ id: IncidentId })

/** The JSON API under `/api`: views and orders for operators, and who one is for everyone with a session. */
export function answerApi(app: FastifyInstance, parts: ApiParts): void {
  app.decorateRequest('visitor', null)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  app.addHook('onRequest', requireSameOrigin(parts))
  app.addHook('onRequest', requireVisitor(parts))
  app.get('/session', async (request): Promise<SessionView> => {
    const { session: _, ...visitor } = visitorOf(request)
    return {
      ...visitor,
      gatewayUrl: parts.gatewayPublicUrl,
      hasOwnCertificate: parts.gatewayCa !== undefined,
      model: await parts.modelToTry(),
    }
  })
  app.get('/gateway-certificate', async (_request, reply) => {
    if (!parts.gatewayCa)
      return sendFault(reply, {
        code: 'not_found',
        message: 'The gateway has no certificate authority of its own.',
      })
    reply.header('content-disposition', 'attachment; filename="fluxgate.pem"')
    return reply.type('application/x-pem-file').send(parts.gatewayCa)
  })
  app.get<{ Querystring: { range: RangeName } }>(
    '/me/usage',
    { schema: { querystring: rangeQuery } },
    request => parts.ownViews.usage(visitorOf(request), request.query.range),
  )
  app.register(async scope => {
    scope.addHook('onRequest', requireRole('operator'))
    answerViews(scope, parts.views)
    takeOrders(scope, parts.orders)
    answerPolicies(scope, parts.policies)
    answerPeople(scope, parts.people)
    answerSystem(scope, parts.views, parts.deadLetters)
    answerForensics(scope, parts)
  })
}

function answerViews(app: FastifyInstance, views: Views): void {
  app.get('/overview', () => views.overview())
  app.get('/throttles', () => views.throttles())
  app.get('/shadowed', () => views.shadowed())
  app.get<{ Querystring: { range: RangeName } }>(
    '/metrics',
    { schema: { querystring: rangeQuery } },
    ({ query }) => views.metrics(query.range),
  )
  app.get<{ Querystring: { q: string } }>(
    '/identities',
    { schema: { querystring: body({ q: text }) } },
    ({ query }) => views.findIdentities(query.q),
  )
  app.get<{ Params: { identity: string }; Querystring: { range: RangeName } }>(
    '/identities/:identity',
    { schema: { params: body({ identity }), querystring: rangeQuery } },
    async ({ params, query }, reply) => {
      const found = await views.identity(params.identity, query.range)
      return found ?? sendFault(reply, { code: 'invalid', message: 'An identity is <user>.<key>.' })
    },
  )

  const scopes: IncidentScope[] = ['open', 'closed', 'all']
  const listQuery = {
    type: 'object',
    properties: { scope: { enum: scopes, default: 'open' }, before: { type: 'string', maxLength: 400 } },
  }
  app.get<{ Querystring: { scope: IncidentScope; before?: string } }>(
    '/incidents',
    { schema: { querystring: listQuery } },
    ({ query }) => views.incidents(query.scope, query.before),
  )
  app.get<{ Params: { id: string } }>(
    '/incidents/:id',
    { schema: { params: incidentParams } },
    async (request, reply) => {
      const found = await views.incident(request.params.id)
      return found ?? sendFault(reply, { code: 'not_found', message: 'There is no such incident.' })
    },
  )

  const windowQuery = {
    type: 'object',
    properties: { minutes: { type: 'integer', enum: WINDOWS_MINUTES, default: 60 } },
  }
  app.get<{ Querystring: { minutes: number } }>(
    '/identities/top',
    { schema: { querystring: windowQuery } },
    ({ query }) => views.topIdentities(query.minutes * MINUTE_MS),
  )
}

function takeOrders(app: FastifyInstance, orders: Orders): void {
  app.post<{ Params: { identity: string }; Body: { reason: string } }>(
    '/throttles/:identity/pardon',
    { schema: { params: body({ identity }), body: body({ reason }) } },
    async (request, reply) => {
      const { params, body: order } = request
      return sendOutcome(
        reply,
        await orders.pardon(params.identity, actorOf(visitorOf(request)), order.reason),
      )
    },
  )

  const { capacity, refillRate } = Throttle.properties
  const seconds = { type: 'integer', minimum: 1, maximum: MAX_SECONDS }
  app.post<{ Body: ThrottleOrder }>(
    '/throttles',
    { schema: { body: body({ identity, capacity, refillRate, seconds, reason }) } },
    async (request, reply) =>
      sendOutcome(reply, await orders.throttle(request.body, actorOf(visitorOf(request))), 201),
  )

  app.post<{ Params: { id: string }; Body: { note: string } }>(
    '/incidents/:id/acknowledge',
    { schema: { params: incidentParams, body: body({ note: text }) } },
    async (request, reply) => {
      const { id } = request.params
      return sendOutcome(reply, await orders.acknowledge(id, actorOf(visitorOf(request)), request.body.note))
    },
  )
  app.post<{ Params: { id: string }; Body: { reason: string } }>(
    '/incidents/:id/close',
    { schema: { params: incidentParams, body: body({ reason: text }) } },
    async (request, reply) => {
      const { id } = request.params
      return sendOutcome(reply, await orders.close(id, actorOf(visitorOf(request)), request.body.reason))
    },
  )
}
