import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type AccountKey, createOwnKey, revoke } from '../accounts/index.ts'
import {
  bodyReader,
  CHANGING,
  documented,
  EMPTY,
  json,
  Key,
  list,
  OwnNewKey,
  READING,
  send,
  sendError,
  TAKING,
} from '../http/index.ts'
import { ID, type VisitorDeps, visitorOf } from './visitor.ts'

const MAX_DAYS = 3_650
/** No control characters, no halves of characters, and none that turn the direction of what stands around them. */
const NAME = '^[^\\p{Cc}\\p{Cs}\\u202a-\\u202e\\u2066-\\u2069]*$'
const readKey = bodyReader(
  Type.Object(
    {
      name: Type.Optional(Type.String({ maxLength: 100, pattern: NAME })),
      expires_in_days: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_DAYS })),
    },
    { additionalProperties: false },
  ),
)

const tag = 'portal'
const LIST = documented({
  summary: 'Own keys',
  tag,
  answers: { 200: json(list('keys', Key)) },
  faults: READING,
})
const CREATE = documented({
  summary: 'Make a key',
  tag,
  body: json(readKey.schema),
  answers: { 201: json(OwnNewKey) },
  faults: [...READING, ...CHANGING, ...TAKING, 'conflict', 'too_many_attempts'],
})
const REVOKE = documented({
  summary: 'Revoke an own key at every node',
  tag,
  answers: { 204: EMPTY },
  faults: [...READING, ...CHANGING, 'not_found'],
})

/** One's own API keys; another's answer as if they were not there. */
export function routeKeys(scope: FastifyInstance, deps: VisitorDeps): void {
  scope.get('/keys', LIST, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const keys = await deps.accounts.listKeys(visitor.value.userId)
    return reply.send({ keys: keys.map(keyView) })
  })

  scope.post('/keys', CREATE, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const read = readKey(request.body ?? {})
    if (!read.ok) return sendError(reply, read.fault)
    const { name = '', expires_in_days: expiresInDays } = read.value
    const outcome = await createOwnKey(deps, visitor.value, { name, expiresInDays })
    return send(reply, 201, outcome, ({ key, record }) => ({ key, ...keyView(record) }))
  })

  scope.delete<{ Params: { id: string } }>(`/keys/${ID}`, REVOKE, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const { userId } = visitor.value
    const outcome = await revoke(deps, { userId, keyId: request.params.id, actor: 'self' })
    return outcome.ok ? reply.code(204).send() : sendError(reply, outcome.fault)
  })
}

/** What an owner sees of a key. Times are epoch milliseconds. */
function keyView(key: AccountKey): object {
  const { id, name, prefix, last4, createdAt, expiresAt, revokedAt, lastUsedAt } = key
  return { id, name, prefix, last4, createdAt, expiresAt, revokedAt, lastUsedAt }
}
