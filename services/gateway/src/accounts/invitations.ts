import { createHash } from 'node:crypto'
import { InvitationCreated, InvitationRevoked, type TierName } from '@fluxgate/contracts'
import { done, type Outcome, refused } from '../http/index.ts'
import { isTierDefined, unknownTier } from '../policy/index.ts'
import { type AccountRole, type Invitation, newId } from './accounts.ts'
import { ACTOR, type AdminTools } from './admin-users.ts'
import { randomText } from './api-key.ts'
import { normaliseEmail } from './email.ts'

export interface InvitationRequest {
  readonly email: string
  readonly role: AccountRole
  readonly tier: TierName
  /** Epoch milliseconds. */
  readonly expiresAt: number
}

export interface NewInvitationToken {
  readonly invitation: Invitation
  /** Shown this once: it goes into the link. */
  readonly token: string
}

/** 190 random bits. */
const TOKEN_CHARS = 32
const TOKEN = /^[0-9A-Za-z]{32}$/
/** Events about nobody in particular have this user. */
const ALL = 'all'

/** By which an invitation's token is stored and found; undefined for a text that can be no token. */
export function hashOfInvitation(token: string): Uint8Array | undefined {
  return TOKEN.test(token) ? createHash('sha256').update(token).digest() : undefined
}

export async function createInvitation(
  tools: AdminTools,
  { email: given, role, tier, expiresAt }: InvitationRequest,
): Promise<Outcome<NewInvitationToken>> {
  const email = normaliseEmail(given)
  if (email === undefined) return refused('invalid_email', 'That is not an e-mail address.')
  if (!isTierDefined(await tools.readLimits(), tier)) return unknownTier(tier)
  // An administrator may know who has an account.
  if (await tools.accounts.findUserByEmail(email))
    return refused('conflict', 'There is an account with this address already.')
  const token = randomText(TOKEN_CHARS, tools.random)
  const id = newId('inv', tools)
  const invitation = { id, email, role, tier, createdAt: tools.epochMs(), createdBy: ACTOR, expiresAt }
  await tools.accounts.createInvitation({ ...invitation, tokenHash: hashOfInvitation(token)! })
  tools.append(tools.make(InvitationCreated, { user: ALL, key: id, role, tier, actor: ACTOR, expiresAt }))
  return done({ token, invitation: { ...invitation, usedAt: null, usedBy: null, revokedAt: null } })
}

export async function revokeInvitation(tools: AdminTools, id: string): Promise<Outcome<Invitation>> {
  const revoked = await tools.accounts.revokeInvitation(id, tools.epochMs())
  if (!revoked) return refused('not_found', 'There is no such invitation, or it has ended.')
  const reason = 'revoked by an administrator'
  tools.append(tools.make(InvitationRevoked, { user: ALL, key: id, actor: ACTOR, reason }))
  return done(revoked)
}
