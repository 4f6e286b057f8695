import { KeyRevoked, UserErased } from '@fluxgate/contracts'
import { done, type Outcome } from '../http/index.ts'
import { PORTAL } from './accounts.ts'
import { ACTOR, type AdminTools, disableUser, NO_USER } from './admin-users.ts'

/**
 * Erases a person: account, e-mail address, password, keys, sessions and invitations are deleted. The user's id stays in
 * the log and in the tables made from it, so that sums and `verify` hold, and nothing links it to the person any more.
 * Disabled first, so that every node forgets the user's keys and sessions before their rows are gone. The row goes last:
 * an erasure that failed can be ordered again.
 */
export async function eraseUser(
  tools: AdminTools,
  user: string,
  reason: string,
): Promise<Outcome<{ readonly id: string; readonly keys: number; readonly sessions: number }>> {
  const disabled = await disableUser(tools, user, reason)
  if (!disabled.ok) return disabled
  await tools.forgetAddresses?.(user)
  const erased = await tools.accounts.eraseUser(user, tools.epochMs())
  if (!erased) return NO_USER
  for (const key of erased.liveKeys) {
    tools.onKeyRevoked?.(key)
    tools.append(tools.make(KeyRevoked, { user, key, actor: ACTOR, reason: 'the user was erased' }))
  }
  tools.onUserChanged?.(user)
  tools.append(tools.make(UserErased, { user, key: PORTAL, actor: ACTOR, reason }))
  return done({ id: user, keys: erased.liveKeys.length, sessions: erased.sessions.length })
}
