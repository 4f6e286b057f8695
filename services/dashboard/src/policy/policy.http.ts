import { GUARD_POLICY_KEYS, type GuardPolicyKey } from '@fluxgate/nats'
import type { FastifyInstance } from 'fastify'
import type { Policies } from '../core/desk.ts'
import { sendOutcome } from '../http/reply.http.ts'
import { actorOf, visitorOf } from '../sessions/gate.http.ts'

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
export function answerPolicies(app: FastifyInstance, policies: Policies): void {
  app.get('/policies', () => policies.all())
  app.put<{ Params: { key: GuardPolicyKey }; Body: { policy: object } }>(
    '/policies/:key',
    { schema: { params, body } },
    async (request, reply) => {
      const { key } = request.params
      const actor = actorOf(visitorOf(request))
      return sendOutcome(reply, await policies.change(key, request.body.policy, actor))
    },
  )
  app.delete<{ Params: { key: GuardPolicyKey } }>(
    '/policies/:key',
    { schema: { params } },
    async (request, reply) => {
      const actor = actorOf(visitorOf(request))
      return sendOutcome(reply, await policies.change(request.params.key, undefined, actor))
    },
  )
}
