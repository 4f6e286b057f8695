import {
  ANONYMOUS,
  type LimitsPolicy,
  PolicyChanged,
  TierChanged,
  type TierName,
  UserDisabled,
  UserEnabled,
  UserRegistered,
} from '@fluxgate/contracts'
import { done, type Outcome, type Refused, refused } from '../http/index.ts'
import { isTierDefined, unknownTier } from '../policy/index.ts'
import { type Account, type AccountRole, type AccountTools, OIDC_USER_PREFIX, PORTAL } from './accounts.ts'
import { endAllSessions } from './login-session.ts'

export interface AdminTools extends AccountTools {
  readonly readLimits: () => Promise<LimitsPolicy>
  /** Deletes the clear addresses of the hashes in a user's events. */
  readonly forgetAddresses?: (userId: string) => Promise<void>
  /** Who orders it, in events; absent: `admin`. */
  readonly actor?: string
}

export const ACTOR = 'admin'
const actorOf = ({ actor = ACTOR }: AdminTools) => actor
export const NO_USER = refused('not_found', 'There is no such user.')

export interface UserRequest {
  readonly id: string
  readonly tier: TierName | undefined
  readonly role: AccountRole | undefined
}

export async function createUser(
  tools: AdminTools,
  { id, tier, role }: UserRequest,
): Promise<Outcome<Account>> {
  const fault = await refusalOf(tools, id, tier)
  if (fault) return fault
  const made = await tools.accounts.createUser({
    id,
    createdAt: tools.epochMs(),
    ...(tier === undefined ? {} : { tier }),
    ...(role === undefined ? {} : { role }),
  })
  if (!made.ok) return refused('conflict', 'There is such a user already.')
  const { user } = made
  const fact = {
    user: id,
    key: PORTAL,
    role: user.role,
    tier: user.tier,
    actor: actorOf(tools),
    address: ACTOR,
  }
  tools.append(tools.make(UserRegistered, fact))
  return done(user)
}

/** Why no user can have this name or be in this tier. */
export async function refusalOf(
  tools: AdminTools,
  id: string,
  tier: TierName | undefined,
): Promise<Refused | undefined> {
  if (id === ANONYMOUS) return refused('invalid_body', `${ANONYMOUS} is no user: it is who has no key.`)
  if (id.startsWith(OIDC_USER_PREFIX)) {
    return refused(
      'invalid_body',
      `Names that begin with ${OIDC_USER_PREFIX} are of the users of an OIDC issuer.`,
    )
  }
  const isKnown = tier === undefined || isTierDefined(await tools.readLimits(), tier)
  return isKnown ? undefined : unknownTier(tier)
}

export async function changeTier(
  tools: AdminTools,
  user: string,
  to: TierName,
): Promise<Outcome<{ from: TierName; to: TierName }>> {
  if (!isTierDefined(await tools.readLimits(), to)) return unknownTier(to)
  const from = await tools.accounts.setTier(user, to)
  if (from === undefined) return NO_USER
  tools.onUserChanged?.(user)
  if (from !== to)
    tools.append(tools.make(TierChanged, { user, key: PORTAL, from, to, actor: actorOf(tools) }))
  return done({ from, to })
}

/** What a person may do in the portal and on the dashboard; it counts when a session's row is read again, within seconds. */
export async function changeRole(
  tools: AdminTools,
  user: string,
  to: AccountRole,
): Promise<Outcome<{ from: AccountRole; to: AccountRole }>> {
  const from = await tools.accounts.setRole(user, to)
  if (from === undefined) return NO_USER
  if (from !== to) {
    const changes = [{ path: '/role', from: JSON.stringify(from), to: JSON.stringify(to) }]
    tools.append(
      tools.make(PolicyChanged, { user, key: PORTAL, policy: 'role', actor: actorOf(tools), changes }),
    )
  }
  return done({ from, to })
}

/** From the row on no key or session of the user lets anybody in; asking again tells again, should a node have missed it. */
export async function disableUser(
  tools: AdminTools,
  user: string,
  reason: string,
): Promise<Outcome<Account>> {
  if (!(await tools.accounts.setDisabled(user, tools.epochMs()))) return NO_USER
  tools.onUserChanged?.(user)
  tools.append(tools.make(UserDisabled, { user, key: PORTAL, actor: actorOf(tools), reason }))
  await endAllSessions(tools, user, ACTOR)
  return accountOf(tools, user)
}

/** Keys work again; sessions do not, not even one that a login began while the user was being disabled. */
export async function enableUser(tools: AdminTools, user: string, reason: string): Promise<Outcome<Account>> {
  await endAllSessions(tools, user, ACTOR)
  if (!(await tools.accounts.setDisabled(user, null))) return NO_USER
  tools.onUserChanged?.(user)
  tools.append(tools.make(UserEnabled, { user, key: PORTAL, actor: actorOf(tools), reason }))
  return accountOf(tools, user)
}

async function accountOf({ accounts }: AdminTools, id: string): Promise<Outcome<Account>> {
  const account = await accounts.findUserById(id)
  return account ? done(account) : NO_USER
}
