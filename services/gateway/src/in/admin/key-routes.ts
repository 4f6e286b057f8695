import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../../core/accounts/admin-accounts.ts'
import { refused } from '../../core/accounts/fault.ts'
import { send, sendFault } from '../portal/answer.ts'
import { readNewKey, readTier, readUserQuery } from './bodies.ts'

const NO_KEY = refused('not_found', 'There is no such live key.').fault
const NO_USER = refused('not_found', 'There is no such user.').fault

/** Users and keys, as an administrator sees and changes them. */
export function routeKeys(scope: FastifyInstance, { accounts }: { readonly accounts: AdminAccounts }): void {
  scope.post('/admin/keys/generate', async (request, reply) => {
    const read = readNewKey(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const { user_id, tier, name = '' } = read.value
    const outcome = await accounts.generateKey(user_id, { tier, name })
    return send(reply, 201, outcome, made => {
      return { key: made.key, id: made.id, user_id: made.userId, tier: made.tier, prefix: made.prefix }
    })
  })

  scope.delete<{ Params: { id: string } }>('/admin/keys/:id', async (request, reply) => {
    const revoked = await accounts.revokeKey(request.params.id, 'revoked by an administrator')
    return revoked ? reply.code(204).send() : sendFault(reply, NO_KEY)
  })

  scope.get('/admin/users', async () => ({ users: await accounts.listUsers() }))

  scope.get('/admin/keys', async (request, reply) => {
    const read = readUserQuery(request.query)
    if (!read.ok) return sendFault(reply, read.fault)
    return { keys: await accounts.listKeys(read.value.user_id) }
  })

  scope.post('/admin/tier', async (request, reply) => {
    const read = readTier(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const changed = await accounts.setTier(read.value.user_id, read.value.tier)
    return changed ?? sendFault(reply, NO_USER)
  })
}
