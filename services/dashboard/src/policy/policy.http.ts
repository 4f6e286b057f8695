import type { NatsLink } from '@fluxgate/nats'
import { GUARD_POLICY_KEYS, type GuardPolicyKey, type Policies, type PolicyBook } from '@fluxgate/operations'
import type { Database } from '@fluxgate/read-model'
import type { FastifyInstance } from 'fastify'
import { sendOutcome } from '../http/index.ts'
import { actorOf, visitorOf } from '../sessions/index.ts'
import { shadowPage } from './shadowed.nats.ts'

export interface PolicyRoutes {
  readonly db: Database
  readonly link: NatsLink
  readonly policies: Policies
  readonly policyBook: PolicyBook
  readonly nowMs: () => number
  /** How far back the shadow policy's findings are shown, and how many. */
  readonly shadowedMs: number
  readonly shadowedRows: number
}

const params = {
  type: 'object',
  properties: { key: { enum: Object.values(GUARD_POLICY_KEYS) } },
  required: ['key'],
}
const body = {
  type: 'object',
  properties: { policy: { type: 'object' } },
  required: ['policy'],
  additionalProperties: false,
}

/** The guard's policies, the one in force and the shadow: read, changed, taken away. */
export function policyRoutes(app: FastifyInstance, options: PolicyRoutes): void {
  const { db, link, policies, policyBook, nowMs, shadowedMs, shadowedRows: maxRows } = options
  app.get('/shadowed', () => shadowPage(link, db, { sinceMs: nowMs() - shadowedMs, maxRows }))
  app.get('/policies', () => policies.page())
  app.put<{ Params: { key: GuardPolicyKey }; Body: { policy: object } }>(
    '/policies/:key',
    { schema: { params, body } },
    async (request, reply) => {
      const { key } = request.params
      const actor = actorOf(visitorOf(request))
      return sendOutcome(reply, await policyBook.change(actor, key, request.body.policy))
    },
  )
  app.delete<{ Params: { key: GuardPolicyKey } }>(
    '/policies/:key',
    { schema: { params } },
    async (request, reply) => {
      const actor = actorOf(visitorOf(request))
      return sendOutcome(reply, await policyBook.change(actor, request.params.key, undefined))
    },
  )
}
