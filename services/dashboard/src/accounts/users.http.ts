import { TierName } from '@fluxgate/contracts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { body, orderText, sendError, sendOutcome, userId } from '../http/index.ts'
import { actorOf, visitorOf } from '../sessions/index.ts'

import type { UserOrder, Users } from './users.pg.ts'

const MAX_KEY_DAYS = 3_650
const role = { enum: ['developer', 'operator'] }
const params = body({ id: userId })
const searchQuery = { type: 'object', properties: { q: { type: 'string', maxLength: 200, default: '' } } }
const keyName = { type: 'string', maxLength: 100 }
const expiresInDays = { type: 'integer', minimum: 1, maximum: MAX_KEY_DAYS }

type Ordered<Fields = object> = { Params: { id: string }; Body: { reason: string } & Fields }

/** Users and keys. Each order has a reason, and is told in the log before the gateway carries it out. */
export function userRoutes(app: FastifyInstance, users: Users): void {
  app.get<{ Querystring: { q: string } }>('/users', { schema: { querystring: searchQuery } }, ({ query }) =>
    users.list({ text: query.q }),
  )
  app.get<{ Params: { id: string } }>('/users/:id', { schema: { params } }, async (request, reply) => {
    const found = await users.find(request.params.id)
    return found ?? sendError(reply, { code: 'not_found', message: 'There is no such user.' })
  })
  app.get('/tiers', async (_request, reply) => sendOutcome(reply, await users.tiers()))

  app.post<{ Body: { user: string; tier: string; role: string; reason: string } }>(
    '/users',
    { schema: { body: body({ user: userId, tier: TierName, role, reason: orderText }) } },
    async (request, reply) => {
      const { user, tier, role: wanted, reason } = request.body
      const order = { user, actor: actorOf(visitorOf(request)).name, reason }
      return sendOutcome(reply, await users.create(order, { tier, role: wanted }), 201)
    },
  )
  takeUserOrders(app, users)
  takeKeyOrders(app, users)
}

function takeUserOrders(app: FastifyInstance, users: Users): void {
  app.post<Ordered<{ tier: string }>>(
    '/users/:id/tier',
    { schema: { params, body: body({ tier: TierName, reason: orderText }) } },
    async (request, reply) => sendOutcome(reply, await users.setTier(orderOf(request), request.body.tier)),
  )
  app.post<Ordered<{ role: string }>>(
    '/users/:id/role',
    { schema: { params, body: body({ role, reason: orderText }) } },
    async (request, reply) => {
      // Whoever takes the last operator's role away, one's own above all, has nobody left to give it back.
      if (request.params.id === visitorOf(request).user) {
        return sendError(reply, { code: 'conflict', message: 'You cannot change your own role.' })
      }
      return sendOutcome(reply, await users.setRole(orderOf(request), request.body.role))
    },
  )
  for (const word of ['disable', 'enable'] as const) {
    app.post<Ordered>(
      `/users/:id/${word}`,
      { schema: { params, body: body({ reason: orderText }) } },
      async (request, reply) => {
        if (request.params.id === visitorOf(request).user) {
          return sendError(reply, { code: 'conflict', message: 'You cannot disable your own account.' })
        }
        return sendOutcome(reply, await users.setDisabled(orderOf(request), word === 'disable'))
      },
    )
  }
}

function takeKeyOrders(app: FastifyInstance, users: Users): void {
  app.post<Ordered<{ name: string; expiresInDays?: number }>>(
    '/users/:id/keys',
    { schema: { params, body: body({ name: keyName, reason: orderText }, { expiresInDays }) } },
    async (request, reply) => {
      const { name, expiresInDays: days } = request.body
      const key = { name, ...(days === undefined ? {} : { expiresInDays: days }) }
      return sendOutcome(reply, await users.createKey(orderOf(request), key), 201)
    },
  )
  app.post<{ Params: { id: string; key: string }; Body: { reason: string } }>(
    '/users/:id/keys/:key/revoke',
    { schema: { params: body({ id: userId, key: userId }), body: body({ reason: orderText }) } },
    async (request, reply) => sendOutcome(reply, await users.revokeKey(orderOf(request), request.params.key)),
  )
}

function orderOf(request: FastifyRequest<{ Params: { id: string }; Body: { reason: string } }>): UserOrder {
  return {
    user: request.params.id,
    actor: actorOf(visitorOf(request as FastifyRequest)).name,
    reason: request.body.reason,
  }
}
