import { GuardPolicy } from '@fluxgate/contracts'
import { ADMIN, GUARD_POLICY_KEYS, type GuardPolicyKey, type PolicyBook } from '@fluxgate/operations'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Changes, documented, json, refused, sendError } from '../http/index.ts'
import { inTime } from './confirm-order.timer.ts'

const ABSENT = refused('not_found', 'There is no such policy: the guard goes by its environment.').fault
const KEYS: ReadonlySet<string> = new Set(Object.values(GUARD_POLICY_KEYS))

export interface GuardPolicyDeps {
  readonly policyBook: PolicyBook
}

const tag = 'policies'
const path = '/admin/policy/:key'
const which = { path: { key: Type.Union(Object.values(GUARD_POLICY_KEYS).map(key => Type.Literal(key))) } }
const GET = documented({
  summary: "The guard's policy, or its shadow policy",
  tag,
  ...which,
  answers: { 200: json(Type.Object({ policy: GuardPolicy, revision: Type.Integer() })) },
  faults: ['not_found'],
})
const PUT = documented({
  summary: 'Put a policy in force; what is not valid is refused, and the one before stays',
  tag,
  ...which,
  body: json(GuardPolicy),
  answers: { 200: json(Changes) },
  faults: ['invalid_body', 'not_found'],
})
const DELETE = documented({
  summary: 'Take a policy away: the guard goes by its environment, without a shadow',
  tag,
  ...which,
  answers: { 200: json(Changes) },
  faults: ['not_found', 'conflict'],
})

/** The guard's policy, and the shadow policy that it decides by without enforcing anything. */
export function routeGuardPolicy(scope: FastifyInstance, { policyBook }: GuardPolicyDeps): void {
  scope.get<{ Params: { key: string } }>(path, GET, async (request, reply) => {
    const { key } = request.params
    const found = isKey(key) ? await inTime(policyBook.get(key)) : undefined
    return found ? { policy: found.value, revision: found.revision } : sendError(reply, ABSENT)
  })

  scope.put<{ Params: { key: string } }>(path, PUT, async (request, reply) => {
    const { key } = request.params
    if (!isKey(key)) return sendError(reply, ABSENT)
    const outcome = await inTime(policyBook.change(ADMIN, key, request.body ?? null))
    if (outcome.ok) return { changes: outcome.value.changes }
    return sendError(reply, { code: 'invalid_body', message: outcome.error.message })
  })

  scope.delete<{ Params: { key: string } }>(path, DELETE, async (request, reply) => {
    const { key } = request.params
    if (!isKey(key)) return sendError(reply, ABSENT)
    const outcome = await inTime(policyBook.change(ADMIN, key, undefined))
    if (!outcome.ok) return sendError(reply, { code: 'conflict', message: outcome.error.message })
    const { changes } = outcome.value
    return changes.length > 0 ? { changes } : sendError(reply, ABSENT)
  })
}

function isKey(key: string): key is GuardPolicyKey {
  return KEYS.has(key)
}
