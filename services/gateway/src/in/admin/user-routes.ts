import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../../core/accounts/admin-accounts.ts'
import { NO_USER } from '../../core/accounts/admin-users.ts'
import { send, sendFault } from '../portal/answer.ts'
import { readNewUser, readRole, readTier, readUserOrder } from './bodies.ts'

/** Users, as an administrator sees and changes them. */
export function routeUsers(scope: FastifyInstance, { accounts }: { readonly accounts: AdminAccounts }): void {
  scope.get('/admin/users', async () => ({ users: await accounts.listUsers() }))

  scope.get<{ Params: { id: string } }>('/admin/users/:id', async (request, reply) => {
    const user = await accounts.getUser(request.params.id)
    return user ?? sendFault(reply, NO_USER.fault)
  })

  scope.post('/admin/users', async (request, reply) => {
    const read = readNewUser(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const { user_id: id, tier, role } = read.value
    return send(reply, 201, await accounts.createUser({ id, tier, role }), user => user)
  })

  scope.post('/admin/users/disable', async (request, reply) => {
    const read = readUserOrder(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const { user_id, reason = 'disabled by an administrator' } = read.value
    return send(reply, 200, await accounts.disableUser(user_id, reason), user => user)
  })

  scope.post('/admin/users/enable', async (request, reply) => {
    const read = readUserOrder(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    const { user_id, reason = 'enabled by an administrator' } = read.value
    return send(reply, 200, await accounts.enableUser(user_id, reason), user => user)
  })

  scope.post('/admin/tier', async (request, reply) => {
    const read = readTier(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    return send(reply, 200, await accounts.setTier(read.value.user_id, read.value.tier), changed => changed)
  })

  scope.post('/admin/role', async (request, reply) => {
    const read = readRole(request.body)
    if (!read.ok) return sendFault(reply, read.fault)
    return send(reply, 200, await accounts.setRole(read.value.user_id, read.value.role), changed => changed)
  })
}
