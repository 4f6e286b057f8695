import type { Throttle } from '@fluxgate/contracts'
import type { PenaltyBox } from '@fluxgate/nats'
import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../accounts/index.ts'
import { json, list, Pardoned, refused, sendFault, Throttled, ThrottleInForce, told } from '../http/index.ts'
import { readPardon, readThrottle, type ThrottleOrder } from './bodies.ts'
import { inTime } from './confirm-order.timer.ts'
import { NOBODY, named } from './limit-routes.http.ts'

const ACTOR = 'admin'
const DEFAULT_SECONDS = 60
const NOT_THROTTLED = refused('not_found', 'This identity is not throttled.').fault

export interface ThrottleDeps {
  readonly accounts: AdminAccounts
  readonly penaltyBox: PenaltyBox
  readonly throttles: () => ReadonlyMap<string, Throttle>
  readonly epochMs: () => number
}

const tag = 'throttles'
const LIST = told({
  summary: 'Who is throttled now',
  tag,
  answers: { 200: json(list('throttles', ThrottleInForce)) },
})
const IMPOSE = told({
  summary: 'Throttle an identity at every node',
  tag,
  body: json(readThrottle.schema),
  answers: { 200: json(Throttled) },
  faults: ['invalid_body', 'not_found'],
})
const PARDON = told({
  summary: 'End a throttle early',
  tag,
  body: json(readPardon.schema),
  answers: { 200: json(Pardoned) },
  faults: ['invalid_body', 'not_found'],
})

/** The penalty box: who is in it, and the ways in and out. */
export function routeThrottles(scope: FastifyInstance, deps: ThrottleDeps): void {
  const { accounts, penaltyBox, epochMs } = deps
  scope.get('/admin/throttles', LIST, () => {
    const live = [...deps.throttles()].filter(([, throttle]) => throttle.until > epochMs())
    return { throttles: live.map(([identifier, throttle]) => ({ identifier, ...throttle })) }
  })

  scope.post('/admin/throttle', IMPOSE, async (request, reply) => {
    const read = readThrottle(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const about = await accounts.resolve(read.value.identifier)
    if (about.length === 0) return sendFault(reply, NOBODY)
    const throttle = throttleOf(read.value, epochMs())
    await inTime(Promise.all(about.map(identity => penaltyBox.impose(identity, throttle))))
    return { ...named(about), until: throttle.until }
  })

  scope.post('/admin/pardon', PARDON, async (request, reply) => {
    const read = readPardon(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const { identifier, reason = 'pardoned by an administrator' } = read.value
    const about = await accounts.resolve(identifier)
    if (about.length === 0) return sendFault(reply, NOBODY)
    const nowMs = epochMs()
    const freed = await inTime(
      Promise.all(about.map(identity => penaltyBox.pardon(identity, ACTOR, reason, nowMs))),
    )
    const pardoned = about.filter((_, i) => freed[i])
    return pardoned.length > 0 ? { ...named(pardoned), pardoned: true } : sendFault(reply, NOT_THROTTLED)
  })
}

function throttleOf(order: ThrottleOrder, imposedAt: number): Throttle {
  const { capacity, refill_rate, seconds = DEFAULT_SECONDS, reason = 'set by an administrator' } = order
  return {
    capacity,
    refillRate: refill_rate,
    imposedAt,
    until: imposedAt + seconds * 1_000,
    reason,
    rule: 'manual',
    actor: ACTOR,
    ...(order.end_streams === undefined ? {} : { endStreams: order.end_streams }),
  }
}
