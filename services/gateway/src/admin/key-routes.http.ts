import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../accounts/index.ts'
import { documented, EMPTY, json, Key, list, NewKey, refused, send, sendError } from '../http/index.ts'
import { readNewKey, readUserQuery } from './bodies.ts'

const NO_KEY = refused('not_found', 'There is no such live key.').fault

const DAY_MS = 86_400_000

const tag = 'keys'
const GENERATE = documented({
  summary: 'Make a key, and its user where there is none',
  tag,
  body: json(readNewKey.schema),
  answers: { 201: json(NewKey) },
  faults: ['invalid_body', 'unknown_tier', 'conflict'],
})
const REVOKE = documented({
  summary: 'Revoke a key at every node',
  tag,
  answers: { 204: EMPTY },
  faults: ['not_found'],
})
const LIST = documented({
  summary: 'Keys of a user',
  tag,
  query: readUserQuery.schema.properties,
  answers: { 200: json(list('keys', Key)) },
  faults: ['invalid_body'],
})

export interface KeyDeps {
  readonly accounts: AdminAccounts
  readonly epochMs: () => number
}

/** Keys, as an administrator sees and changes them. */
export function routeKeys(scope: FastifyInstance, { accounts, epochMs }: KeyDeps): void {
  scope.post('/admin/keys/generate', GENERATE, async (request, reply) => {
    const read = readNewKey(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { user_id, tier, name = '', expires_in_days: days } = read.value
    const expiresAt = days === undefined ? undefined : epochMs() + days * DAY_MS
    const outcome = await accounts.as(request.actor).generateKey(user_id, { tier, name, expiresAt })
    return send(reply, 201, outcome, ({ userId, expiresAt: expires_at, ...made }) => {
      return { ...made, user_id: userId, expires_at }
    })
  })

  scope.delete<{ Params: { id: string } }>('/admin/keys/:id', REVOKE, async (request, reply) => {
    const revoked = await accounts
      .as(request.actor)
      .revokeKey(request.params.id, 'revoked by an administrator')
    return revoked ? reply.code(204).send() : sendError(reply, NO_KEY)
  })

  scope.get('/admin/keys', LIST, async (request, reply) => {
    const read = readUserQuery(request.query)
    if (!read.ok) return sendError(reply, read.fault)
    return { keys: await accounts.listKeys(read.value.user_id) }
  })
}
