import type { LimitsPolicy, Throttle, TierName } from '@fluxgate/contracts'
import type { PenaltyBox } from '@fluxgate/nats'
import type { Registry } from '@fluxgate/runtime'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { AdminAccounts } from '../../core/accounts/admin-accounts.ts'
import { requireToken } from './authorize.ts'

export interface AdminDeps {
  readonly token: string
  readonly accounts: AdminAccounts
  readonly penaltyBox: PenaltyBox
  /** Changes the limits policy; a concurrent change is not lost. */
  readonly changeLimits: (change: (policy: LimitsPolicy) => LimitsPolicy) => Promise<void>
  readonly throttles: () => ReadonlyMap<string, Throttle>
  readonly tokensLeft: () => Record<string, number>
  readonly registry: Registry
  readonly epochMs: () => number
}

const ACTOR = 'admin'
const DEFAULT_SECONDS = 60
const MAX_SECONDS = 31 * 86_400

const token = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' } as const
const identifier = { type: 'string', minLength: 1, maxLength: 200 } as const
const amount = { type: 'number', minimum: 0, maximum: 1e12 } as const
const tier = { type: 'string', enum: ['free', 'pro'] } as const
const text = { type: 'string', maxLength: 256 } as const

function body<P extends Record<string, object>>(properties: P, required: readonly (keyof P)[]) {
  return { schema: { body: { type: 'object', additionalProperties: false, required, properties } } }
}

/** The admin face (contract: design, section 5). Every change is an event that names `admin`. */
export async function registerAdmin(app: FastifyInstance, deps: AdminDeps): Promise<void> {
  await app.register(async scope => {
    requireToken(scope, deps.token, new Set(['/admin/health']))
    scope.setErrorHandler<Error & { statusCode?: number; validation?: unknown }>((error, request, reply) => {
      const status = error.statusCode ?? 500
      if (status >= 500) request.log.error({ err: error }, 'admin call failed')
      const message = status >= 500 ? 'The call failed; the log of this node says why.' : error.message
      return fail(reply, status, error.validation ? 'invalid_body' : 'failed', message)
    })
    scope.get('/admin/health', () => ({ status: 'alive' }))
    scope.get('/metrics', async (_request, reply) =>
      reply.type(deps.registry.contentType).send(await deps.registry.metrics()),
    )
    scope.get('/admin/metrics', () => deps.tokensLeft())
    registerKeys(scope, deps)
    registerLimits(scope, deps)
    registerThrottles(scope, deps)
  })
}

function registerKeys(app: FastifyInstance, { accounts }: AdminDeps): void {
  app.post<{ Body: { user_id: string; tier?: TierName; name?: string } }>(
    '/admin/keys/generate',
    body({ user_id: token, tier, name: text }, ['user_id']),
    async (request, reply) => {
      const { user_id, tier: wanted, name = '' } = request.body
      const made = await accounts.generateKey(user_id, { tier: wanted, name })
      return reply
        .code(201)
        .send({ key: made.key, id: made.id, user_id: made.userId, tier: made.tier, prefix: made.prefix })
    },
  )
  app.delete<{ Params: { id: string } }>('/admin/keys/:id', async (request, reply) => {
    const revoked = await accounts.revokeKey(request.params.id, 'revoked by an administrator')
    return revoked ? reply.code(204).send() : fail(reply, 404, 'unknown_key', 'There is no such live key.')
  })
  app.get('/admin/users', async () => ({ users: await accounts.listUsers() }))
  app.get<{ Querystring: { user_id: string } }>(
    '/admin/keys',
    { schema: { querystring: { type: 'object', required: ['user_id'], properties: { user_id: token } } } },
    async request => ({ keys: await accounts.listKeys(request.query.user_id) }),
  )
  app.post<{ Body: { user_id: string; tier: TierName } }>(
    '/admin/tier',
    body({ user_id: token, tier }, ['user_id', 'tier']),
    async (request, reply) => {
      const changed = await accounts.setTier(request.body.user_id, request.body.tier)
      return changed ?? fail(reply, 404, 'unknown_user', 'There is no such user.')
    },
  )
}

function registerLimits(app: FastifyInstance, { accounts, changeLimits }: AdminDeps): void {
  app.post<{ Body: { identifier: string; capacity: number; refill_rate: number } }>(
    '/admin/rate_limit',
    body({ identifier, capacity: amount, refill_rate: amount }, ['identifier', 'capacity', 'refill_rate']),
    async (request, reply) => {
      const identity = await accounts.resolve(request.body.identifier)
      if (!identity) return unknownIdentifier(reply)
      const name = `${identity.user}.${identity.key}`
      const limit = { capacity: request.body.capacity, refillRate: request.body.refill_rate }
      await changeLimits(policy => ({ ...policy, identities: { ...policy.identities, [name]: limit } }))
      return { identifier: name, capacity: limit.capacity, refill_rate: limit.refillRate }
    },
  )
}

function registerThrottles(app: FastifyInstance, deps: AdminDeps): void {
  const { accounts, penaltyBox } = deps
  app.get('/admin/throttles', () => {
    const now = deps.epochMs()
    const live = [...deps.throttles()].filter(([, throttle]) => throttle.until > now)
    return { throttles: live.map(([name, throttle]) => ({ identifier: name, ...throttle })) }
  })
  app.post<{
    Body: { identifier: string; capacity: number; refill_rate: number; seconds?: number; reason?: string }
  }>(
    '/admin/throttle',
    body(
      {
        identifier,
        capacity: amount,
        refill_rate: amount,
        seconds: { type: 'integer', minimum: 1, maximum: MAX_SECONDS },
        reason: text,
      },
      ['identifier', 'capacity', 'refill_rate'],
    ),
    async (request, reply) => {
      const {
        capacity,
        refill_rate,
        seconds = DEFAULT_SECONDS,
        reason = 'set by an administrator',
      } = request.body
      const identity = await accounts.resolve(request.body.identifier)
      if (!identity) return unknownIdentifier(reply)
      const imposedAt = deps.epochMs()
      const until = imposedAt + seconds * 1_000
      const throttle = {
        capacity,
        refillRate: refill_rate,
        imposedAt,
        until,
        reason,
        rule: 'manual',
        actor: ACTOR,
      }
      await penaltyBox.impose(identity, throttle)
      return { identifier: `${identity.user}.${identity.key}`, until }
    },
  )
  app.post<{ Body: { identifier: string; reason?: string } }>(
    '/admin/pardon',
    body({ identifier, reason: text }, ['identifier']),
    async (request, reply) => {
      const identity = await accounts.resolve(request.body.identifier)
      if (!identity) return unknownIdentifier(reply)
      const reason = request.body.reason ?? 'pardoned by an administrator'
      const pardoned = await penaltyBox.pardon(identity, ACTOR, reason, deps.epochMs())
      if (!pardoned) return fail(reply, 404, 'not_throttled', 'This identity is not throttled.')
      return { identifier: `${identity.user}.${identity.key}`, pardoned }
    },
  )
}

function unknownIdentifier(reply: FastifyReply): FastifyReply {
  return fail(reply, 404, 'unknown_identifier', 'identifier must be <user>.<key>, a key id, or a whole key.')
}

function fail(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  return reply.code(status).send({ error: { message, type, code } })
}
