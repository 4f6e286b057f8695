import { TierName } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import { type AdminAccounts, NO_USER } from '../accounts/index.ts'
import { changed, documented, Erased, json, list, Role, send, sendError, User } from '../http/index.ts'
import { readNewUser, readRole, readTier, readUserOrder } from './bodies.ts'

const tag = 'users'
const LIST = documented({
  summary: 'All users, without addresses and hashes',
  tag,
  answers: { 200: json(list('users', User)) },
})
const ONE = documented({ summary: 'A user', tag, answers: { 200: json(User) }, faults: ['not_found'] })
const CREATE = documented({
  summary: 'Make a user, who may have keys and cannot log in',
  tag,
  body: json(readNewUser.schema),
  answers: { 201: json(User) },
  faults: ['invalid_body', 'unknown_tier', 'conflict'],
})
const ordered = (summary: string) =>
  documented({
    summary,
    tag,
    body: json(readUserOrder.schema),
    answers: { 200: json(User) },
    faults: ['invalid_body', 'not_found'],
  })
const DISABLE = ordered('Refuse keys, sessions and tokens of a user at every node at once')
const ENABLE = ordered('Let a disabled user in again; sessions do not come back')
const ERASE = documented({
  summary:
    'Erase a user: account, address, keys and sessions; the id stays in the log and belongs to no user',
  tag,
  body: json(readUserOrder.schema),
  answers: { 200: json(Erased) },
  faults: ['invalid_body', 'not_found'],
})
const TIER = documented({
  summary: 'Put a user into a tier',
  tag,
  body: json(readTier.schema),
  answers: { 200: json(changed(TierName)) },
  faults: ['invalid_body', 'unknown_tier', 'not_found'],
})
const ROLE = documented({
  summary: "Change a user's role in portal and dashboard",
  tag,
  body: json(readRole.schema),
  answers: { 200: json(changed(Role)) },
  faults: ['invalid_body', 'not_found'],
})

/** Users, as an administrator sees and changes them. */
export function routeUsers(scope: FastifyInstance, { accounts }: { readonly accounts: AdminAccounts }): void {
  scope.get('/admin/users', LIST, async () => ({ users: await accounts.listUsers() }))

  scope.get<{ Params: { id: string } }>('/admin/users/:id', ONE, async (request, reply) => {
    const user = await accounts.getUser(request.params.id)
    return user ?? sendError(reply, NO_USER.fault)
  })

  scope.post('/admin/users', CREATE, async (request, reply) => {
    const read = readNewUser(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { user_id: id, tier, role } = read.value
    return send(reply, 201, await accounts.as(request.actor).createUser({ id, tier, role }), user => user)
  })

  scope.post('/admin/users/disable', DISABLE, async (request, reply) => {
    const read = readUserOrder(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { user_id, reason = 'disabled by an administrator' } = read.value
    return send(reply, 200, await accounts.as(request.actor).disableUser(user_id, reason), user => user)
  })

  scope.post('/admin/users/enable', ENABLE, async (request, reply) => {
    const read = readUserOrder(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { user_id, reason = 'enabled by an administrator' } = read.value
    return send(reply, 200, await accounts.as(request.actor).enableUser(user_id, reason), user => user)
  })

  scope.post('/admin/users/erase', ERASE, async (request, reply) => {
    const read = readUserOrder(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { user_id, reason = 'erased by an administrator' } = read.value
    return send(reply, 200, await accounts.eraseUser(user_id, reason), erased => erased)
  })

  scope.post('/admin/tier', TIER, async (request, reply) => {
    const read = readTier(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    return send(
      reply,
      200,
      await accounts.as(request.actor).setTier(read.value.user_id, read.value.tier),
      changed => changed,
    )
  })

  scope.post('/admin/role', ROLE, async (request, reply) => {
    const read = readRole(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    return send(
      reply,
      200,
      await accounts.as(request.actor).setRole(read.value.user_id, read.value.role),
      changed => changed,
    )
  })
}
