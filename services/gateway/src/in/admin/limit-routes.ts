import { type Identity, identityText, type LimitsPolicy, type Tier } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../../core/accounts/admin-accounts.ts'
import { type Outcome, refused } from '../../core/accounts/fault.ts'
import { withOverrides } from '../../core/accounts/limit-overrides.ts'
import { sendFault } from '../portal/answer.ts'
import { readLimit } from './bodies.ts'
import { inTime } from './order.ts'

export const NOBODY = refused(
  'not_found',
  'The identifier must be <user>.<key>, a key id, a whole key, or the id of a user with a live key.',
).fault

export interface LimitDeps {
  readonly accounts: AdminAccounts
  readonly changeLimits: (change: (policy: LimitsPolicy) => LimitsPolicy) => Promise<void>
}

/** Limits of single identities, in place of their tier's. */
export function routeLimits(scope: FastifyInstance, { accounts, changeLimits }: LimitDeps): void {
  const override = async (
    about: readonly Identity[],
    limit: Tier | undefined,
  ): Promise<Outcome<LimitsPolicy>> => {
    let outcome: Outcome<LimitsPolicy> | undefined
    const change = (policy: LimitsPolicy): LimitsPolicy => {
      outcome = withOverrides(policy, about, limit)
      return outcome.ok ? outcome.value : policy
    }
    await inTime(changeLimits(change))
    return outcome ?? refused('internal', 'The limits were not changed.')
  }

  scope.post('/admin/rate_limit', async (request, reply) => {
    const read = readLimit(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const { identifier, capacity, refill_rate } = read.value
    const about = await accounts.resolve(identifier)
    if (about.length === 0) return sendFault(reply, NOBODY)
    const outcome = await override(about, { capacity, refillRate: refill_rate })
    if (!outcome.ok) return sendFault(reply, outcome.fault)
    return { ...named(about), capacity, refill_rate }
  })

  scope.delete<{ Params: { identifier: string } }>(
    '/admin/rate_limit/:identifier',
    async (request, reply) => {
      const about = await accounts.resolve(request.params.identifier)
      if (about.length === 0) return sendFault(reply, NOBODY)
      const outcome = await override(about, undefined)
      return outcome.ok ? reply.code(204).send() : sendFault(reply, outcome.fault)
    },
  )
}

/** Whom an order was about: the one, or the first and all of them. */
export function named(about: readonly Identity[]): { identifier: string; identities: string[] } {
  const identities = about.map(identityText)
  return { identifier: identities[0] ?? '', identities }
}
