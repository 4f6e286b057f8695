import type { FastifyInstance } from 'fastify'
import type { AdminAccounts } from '../accounts/index.ts'
import { documented, Invitation, json, list, NewInvitation, send, sendError } from '../http/index.ts'
import { readInvitation } from './bodies.ts'

const HOUR_MS = 3_600_000
const DEFAULT_HOURS = 72

const tag = 'users'
const CREATE = documented({
  summary: 'Invite a person to register: once, with this e-mail address',
  description: 'The link is the address of the dashboard and `path`. Nothing is sent by the gateway.',
  tag,
  body: json(readInvitation.schema),
  answers: { 201: json(NewInvitation) },
  faults: ['invalid_body', 'invalid_email', 'unknown_tier', 'conflict'],
})
const LIST = documented({
  summary: 'Invitations, newest first; ended ones for 30 days',
  tag,
  answers: { 200: json(list('invitations', Invitation)) },
})
const REVOKE = documented({
  summary: 'Revoke an invitation',
  tag,
  answers: { 200: json(Invitation) },
  faults: ['not_found'],
})

/** Invitations to register (setting `REGISTRATION`). */
export function routeInvitations(
  scope: FastifyInstance,
  { accounts, epochMs }: { readonly accounts: AdminAccounts; readonly epochMs: () => number },
): void {
  scope.post('/admin/invitations', CREATE, async (request, reply) => {
    const read = readInvitation(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { email, role = 'developer', tier = 'free', expires_in_hours: hours = DEFAULT_HOURS } = read.value
    const expiresAt = epochMs() + hours * HOUR_MS
    const created = await accounts.createInvitation({ email, role, tier, expiresAt })
    return send(reply, 201, created, ({ token, invitation }) => ({
      token,
      // Behind the #, so that it is in no log of a server or proxy.
      path: `/register#${token}`,
      ...invitation,
    }))
  })

  scope.get('/admin/invitations', LIST, async () => ({ invitations: await accounts.listInvitations() }))

  scope.delete<{ Params: { id: string } }>('/admin/invitations/:id', REVOKE, async (request, reply) =>
    send(reply, 200, await accounts.revokeInvitation(request.params.id), invitation => invitation),
  )
}
