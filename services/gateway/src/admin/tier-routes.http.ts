import type { FastifyInstance } from 'fastify'
import { documented, EMPTY, json, list, NamedTier, send, sendError } from '../http/index.ts'
import { isTierDefined, tiersOf, withoutTier, withTier } from '../policy/index.ts'
import { limitBody, readTierLimits, readTierName, tierOf } from './bodies.ts'
import { inTime } from './confirm-order.timer.ts'
import { type LimitDeps, orderLimits } from './limit-routes.http.ts'

const tag = 'limits'
const path = '/admin/tiers/:name'
const name = { path: readTierName.schema.properties }
const LIST = documented({ summary: 'All tiers', tag, answers: { 200: json(list('tiers', NamedTier)) } })
const PUT = documented({
  summary: 'Define a tier, or change it',
  tag,
  ...name,
  body: json(readTierLimits.schema),
  answers: { 200: json(NamedTier, 'Changed.'), 201: json(NamedTier, 'Made.') },
  faults: ['invalid_body', 'conflict'],
})
const DELETE = documented({
  summary: 'Delete a tier without users, or restore a default tier',
  tag,
  ...name,
  answers: { 204: EMPTY },
  faults: ['invalid_body', 'not_found', 'conflict'],
})

/** Tiers: what users are in. Those that the gateway comes with can be changed, and be put back to what they were. */
export function routeTiers(scope: FastifyInstance, deps: LimitDeps): void {
  scope.get('/admin/tiers', LIST, async () => {
    const tiers = tiersOf(await inTime(deps.readLimits()))
    return { tiers: tiers.map(({ name, tier, source }) => ({ name, ...limitBody(tier), source })) }
  })

  scope.put<{ Params: { name: string } }>(path, PUT, async (request, reply) => {
    const named = readTierName(request.params)
    if (!named.ok) return sendError(reply, named.fault)
    const read = readTierLimits(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { name } = named.value
    let isNew = false
    const outcome = await orderLimits(deps, policy => {
      isNew = !isTierDefined(policy, name)
      return withTier(policy, name, tierOf(read.value))
    })
    return send(reply, isNew ? 201 : 200, outcome, () => ({ name, ...read.value, source: 'policy' }))
  })

  scope.delete<{ Params: { name: string } }>(path, DELETE, async (request, reply) => {
    const named = readTierName(request.params)
    if (!named.ok) return sendError(reply, named.fault)
    const { name } = named.value
    const isInUse = await deps.accounts.isTierInUse(name)
    const outcome = await orderLimits(deps, policy => withoutTier(policy, name, isInUse))
    return outcome.ok ? reply.code(204).send() : sendError(reply, outcome.fault)
  })
}
