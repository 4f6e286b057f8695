import { identityText, type Throttle } from '@fluxgate/contracts'
import { ADMIN, type OrderRefused, type Orders } from '@fluxgate/operations'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { AdminAccounts } from '../accounts/index.ts'
import {
  documented,
  json,
  list,
  Pardoned,
  refused,
  sendError,
  Throttled,
  ThrottleInForce,
} from '../http/index.ts'
import { readPardon, readThrottle } from './bodies.ts'
import { UNCONFIRMED } from './confirm-order.timer.ts'
import { NO_IDENTITY, named } from './limit-routes.http.ts'

const DEFAULT_SECONDS = 60
const NOT_THROTTLED = refused('not_found', 'This identity is not throttled.').fault

export interface ThrottleDeps {
  readonly accounts: AdminAccounts
  readonly orders: Orders
  readonly throttles: () => ReadonlyMap<string, Throttle>
  readonly epochMs: () => number
}

const tag = 'throttles'
const LIST = documented({
  summary: 'Who is throttled now',
  tag,
  answers: { 200: json(list('throttles', ThrottleInForce)) },
})
const IMPOSE = documented({
  summary: 'Throttle an identity at every node',
  tag,
  body: json(readThrottle.schema),
  answers: { 200: json(Throttled) },
  faults: ['invalid_body', 'not_found'],
})
const PARDON = documented({
  summary: 'End a throttle early',
  tag,
  body: json(readPardon.schema),
  answers: { 200: json(Pardoned) },
  faults: ['invalid_body', 'not_found'],
})

/** The penalty box: who is in it, and the ways in and out. */
export function routeThrottles(scope: FastifyInstance, deps: ThrottleDeps): void {
  const { accounts, orders, epochMs } = deps
  scope.get('/admin/throttles', LIST, () => {
    const live = [...deps.throttles()].filter(([, throttle]) => throttle.until > epochMs())
    return { throttles: live.map(([identifier, throttle]) => ({ identifier, ...throttle })) }
  })

  scope.post('/admin/throttle', IMPOSE, async (request, reply) => {
    const read = readThrottle(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const about = await accounts.resolve(read.value.identifier)
    if (about.length === 0) return sendError(reply, NO_IDENTITY)
    const { capacity, refill_rate: refillRate, end_streams, ...rest } = read.value
    const { seconds = DEFAULT_SECONDS, reason = 'set by an administrator' } = rest
    const order = { capacity, refillRate, seconds, reason, ...(end_streams && { endStreams: true }) }
    const outcomes = await Promise.all(
      about.map(identity => orders.throttle(ADMIN, { ...order, identity: identityText(identity) })),
    )
    const until = outcomes.map(outcome => (outcome.ok ? outcome.value.throttle.until : 0))
    const refusal = outcomes.find(outcome => !outcome.ok)
    return refusal ? sendRefusal(reply, refusal) : { ...named(about), until: Math.max(...until) }
  })

  scope.post('/admin/pardon', PARDON, async (request, reply) => {
    const read = readPardon(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { identifier, reason = 'pardoned by an administrator' } = read.value
    const about = await accounts.resolve(identifier)
    if (about.length === 0) return sendError(reply, NO_IDENTITY)
    const outcomes = await Promise.all(
      about.map(identity => orders.pardon(ADMIN, identityText(identity), reason)),
    )
    const refusal = outcomes.find(outcome => !outcome.ok && outcome.error.code !== 'conflict')
    if (refusal && !refusal.ok) return sendRefusal(reply, refusal)
    const pardoned = about.filter((_, i) => outcomes[i]?.ok)
    return pardoned.length > 0 ? { ...named(pardoned), pardoned: true } : sendError(reply, NOT_THROTTLED)
  })
}

function sendRefusal(reply: FastifyReply, { error }: OrderRefused): FastifyReply {
  if (error.code !== 'unavailable') return sendError(reply, { code: 'invalid_body', message: error.message })
  return sendError(reply, { ...UNCONFIRMED, message: error.message })
}
