import { LoginFailed, PasswordChanged } from '@fluxgate/contracts'
import { BUSY, done, type Outcome, refused } from '../http/index.ts'
import { type LiveSession, PORTAL } from './accounts.ts'
import { beginSession, endAllSessions, type LoginSession } from './login-session.ts'
import { checkNewPassword, isHashable } from './password-rules.ts'
import { KNOWN } from './passwords.ts'
import type { PortalTools } from './portal-tools.ts'

export interface PasswordChange {
  readonly current: string
  readonly next: string
}

const WRONG = refused('wrong_credentials', 'The current password is wrong.')

/**
 * Changes a password and ends every session of the account, for who knew the old one may hold one (ASVS 7.4.3); the
 * caller gets a new one. A stolen session does not get to guess the password either: the tries count as logins do.
 */
export async function changePassword<Session extends { readonly id: string; readonly expiresAt: number }>(
  tools: PortalTools,
  who: LiveSession,
  { current, next }: PasswordChange,
  visit: LoginSession<Session>,
): Promise<Outcome<Session>> {
  const email = who.email ?? ''
  const checked = await checkNewPassword(tools.strength, next, email)
  if (!checked.ok) return checked
  if (!isHashable(current)) return WRONG

  const account = tools.accountHash(email)
  const { address, eventAddress } = visit
  const device = tools.devices.deviceOf(visit.deviceCookie, email)
  const attempt = tools.guard.begin(email, { address, device }, tools.epochMs())
  if (!attempt.ok)
    return refused('too_many_attempts', 'Too many wrong passwords. Wait a little.', attempt.retryAfterMs)
  try {
    const user = await tools.accounts.findUserById(who.userId)
    const verdict = await tools.passwords.verify(user?.passwordHash ?? undefined, current, KNOWN)
    if (verdict === 'wrong' || !user) {
      const fact = {
        user: who.userId,
        key: PORTAL,
        account,
        address: eventAddress,
        reason: 'wrong_credentials',
      } as const
      tools.append(tools.make(LoginFailed, fact))
      return WRONG
    }
    const hashed = verdict === 'busy' ? undefined : await tools.passwords.hash(next, KNOWN)
    if (!hashed?.ok) {
      attempt.abandoned()
      return BUSY
    }
    const changed = await tools.accounts.changePassword(user.id, user.passwordHash, hashed.hash)
    if (!changed) return refused('conflict', 'The password was changed meanwhile. Try again.')
    const fact = { user: user.id, key: PORTAL, actor: 'self', address: eventAddress }
    tools.append(tools.make(PasswordChanged, fact))
    await endAllSessions(tools, user.id, eventAddress)
    const session = await beginSession(tools, user, visit)
    attempt.succeeded()
    return done(session)
  } catch (error) {
    attempt.abandoned()
    throw error
  }
}
