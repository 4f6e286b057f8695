import { type Identity, identityText, type LimitsPolicy } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../accounts/index.ts'
import {
  documented,
  EMPTY,
  json,
  Limited,
  LimitOfOne,
  list,
  type Outcome,
  Refilled,
  refused,
  send,
  sendError,
} from '../http/index.ts'
import { withOverrides } from '../policy/index.ts'
import { limitBody, readLimit, readRefill, tierOf } from './bodies.ts'
import { inTime } from './confirm-order.timer.ts'

export const NO_IDENTITY = refused(
  'not_found',
  'The identifier must be <user>.<key>, a key id, a whole key, or the id of a user with a live key.',
).fault

export interface LimitDeps {
  readonly accounts: AdminAccounts
  readonly readLimits: () => Promise<LimitsPolicy>
  /** Fills an identity's buckets again at every node, and tells who ordered it. @returns the tokens given back */
  readonly refill: (identity: Identity, reason: string) => Promise<number>
  /** Each change is told with what differs; one that gives back what it got changes nothing. */
  readonly changeLimits: (change: (policy: LimitsPolicy) => LimitsPolicy) => Promise<void>
}

const tag = 'limits'
const LIST = documented({
  summary: 'Identities with limits of their own',
  tag,
  answers: { 200: json(list('rate_limits', LimitOfOne)) },
})
const PUT = documented({
  summary: 'Give an identity limits of its own: a key, or all live keys of a user',
  tag,
  body: json(readLimit.schema),
  answers: { 200: json(Limited) },
  faults: ['invalid_body', 'not_found', 'conflict'],
})
const DELETE = documented({
  summary: 'Put an identity back to the limits of its tier',
  tag,
  answers: { 204: EMPTY },
  faults: ['not_found'],
})

const REFILL = documented({
  summary: 'Fill the bucket of an identity again, whatever it owes: a key, or all live keys of a user',
  tag,
  body: json(readRefill.schema),
  answers: { 200: json(Refilled) },
  faults: ['invalid_body', 'not_found'],
})

/** Limits of single identities, in place of their tier's, and the way out of a debt. */
export function routeLimits(scope: FastifyInstance, deps: LimitDeps): void {
  const { accounts, readLimits } = deps
  scope.get('/admin/rate_limits', LIST, async () => {
    const { identities } = await inTime(readLimits())
    return {
      rate_limits: Object.entries(identities).map(([identifier, limit]) => {
        return { identifier, ...(typeof limit === 'string' ? { tier: limit } : limitBody(limit)) }
      }),
    }
  })

  scope.post('/admin/rate_limit', PUT, async (request, reply) => {
    const read = readLimit(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const limit = tierOf(read.value)
    const about = await accounts.resolve(read.value.identifier)
    if (about.length === 0) return sendError(reply, NO_IDENTITY)
    const outcome = await orderLimits(deps, policy => withOverrides(policy, about, limit))
    return send(reply, 200, outcome, () => ({ ...named(about), ...limitBody(limit) }))
  })

  scope.post('/admin/rate_limit/refill', REFILL, async (request, reply) => {
    const read = readRefill(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const about = await accounts.resolve(read.value.identifier)
    if (about.length === 0) return sendError(reply, NO_IDENTITY)
    const given = await inTime(Promise.all(about.map(each => deps.refill(each, read.value.reason))))
    return { ...named(about), tokens: given.reduce((sum, tokens) => sum + tokens, 0) }
  })

  scope.delete<{ Params: { identifier: string } }>(
    '/admin/rate_limit/:identifier',
    DELETE,
    async (request, reply) => {
      const about = await accounts.resolve(request.params.identifier)
      if (about.length === 0) return sendError(reply, NO_IDENTITY)
      const outcome = await orderLimits(deps, policy => withOverrides(policy, about, undefined))
      return outcome.ok ? reply.code(204).send() : sendError(reply, outcome.fault)
    },
  )
}

/** Changes the limits policy as `change` says, or not at all when it refuses. */
export async function orderLimits(
  { changeLimits }: Pick<LimitDeps, 'changeLimits'>,
  change: (policy: LimitsPolicy) => Outcome<LimitsPolicy>,
): Promise<Outcome<LimitsPolicy>> {
  let outcome: Outcome<LimitsPolicy> = refused('internal', 'The limits were not changed.')
  await inTime(
    changeLimits(policy => {
      outcome = change(policy)
      return outcome.ok ? outcome.value : policy
    }),
  )
  return outcome
}

/** Whom an order was about: the one, or the first and all of them. */
export function named(about: readonly Identity[]): { identifier: string; identities: string[] } {
  const identities = about.map(identityText)
  return { identifier: identities[0] ?? '', identities }
}
