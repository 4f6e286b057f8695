import { ANONYMOUS, addressGroup, LoginFailed, LoginSucceeded } from '@fluxgate/contracts'
import { BUSY, done, type Outcome, refused } from '../http/index.ts'
import type { Account } from './accounts.ts'
import { PORTAL } from './accounts.ts'
import { normaliseEmail } from './email.ts'
import { beginSession, type LoginSession } from './login-session.ts'
import { isHashable } from './password-rules.ts'
import { type HashedFor, KNOWN } from './passwords.ts'
import type { FailedLogins, PortalTools } from './portal-tools.ts'

export interface Credentials {
  readonly email: string
  readonly password: string
}

export interface LoggedIn<Session> {
  readonly user: Account
  readonly session: Session
  /** The value of a new device cookie. */
  readonly deviceCookie: string
  /** Absent when it could not be told. */
  readonly failedLogins: FailedLogins | undefined
}

/** One text and one status for an account that is not there and a password that is wrong (ASVS 6.3.8). */
const WRONG = refused('wrong_credentials', 'The e-mail address or the password is wrong.')
const TOO_LONG = refused('invalid_body', 'The password is empty, too long, or no text.')

const BLOCKED = 'Too many wrong passwords came from this address. Wait a little.'

/** Checks a password and begins a session. Whether there is such an account shows neither in the answer nor in its time. */
export async function logIn<Session extends { readonly id: string; readonly expiresAt: number }>(
  tools: PortalTools,
  credentials: Credentials,
  visit: LoginSession<Session>,
): Promise<Outcome<LoggedIn<Session>>> {
  const email = normaliseEmail(credentials.email)
  if (email === undefined) return refused('invalid_email', 'That is not an e-mail address.')
  if (!isHashable(credentials.password)) return TOO_LONG

  const account = tools.accountHash(email)
  const { address, eventAddress } = visit
  const failed = (user: string, reason: 'wrong_credentials' | 'disabled' | 'backed_off') =>
    tools.append(tools.make(LoginFailed, { user, key: PORTAL, account, address: eventAddress, reason }))

  const nowMs = tools.epochMs()
  const source = { address, device: tools.devices.deviceOf(visit.deviceCookie, email) }
  const blockedForMs = tools.guard.isKnown(email, source, nowMs) ? 0 : (tools.blockedForMs?.(address) ?? 0)
  if (blockedForMs > 0) return refused('too_many_attempts', BLOCKED, blockedForMs)
  const attempt = tools.guard.begin(email, source, nowMs)
  if (!attempt.ok) {
    if (attempt.report) failed(ANONYMOUS, 'backed_off')
    return refused('too_many_attempts', 'Too many wrong passwords. Wait a little.', attempt.retryAfterMs)
  }
  const who: HashedFor = attempt.isKnown ? KNOWN : { priority: 'stranger', source: addressGroup(address) }
  try {
    const found: { user?: Account | undefined } = {}
    const findHash = async () => {
      found.user = await tools.accounts.findUserByEmail(email)
      return found.user?.passwordHash ?? undefined
    }
    const verdict = await tools.passwords.verify(findHash, credentials.password, who)
    const { user } = found
    if (verdict === 'busy') {
      attempt.abandoned()
      return BUSY
    }
    if (verdict === 'wrong' || !user) {
      failed(user?.id ?? ANONYMOUS, 'wrong_credentials')
      return WRONG
    }
    if (user.disabledAt !== null) {
      failed(user.id, 'disabled')
      return refused('account_disabled', 'This account is disabled.')
    }
    if (verdict === 'outdated') await hashAnew(tools, user, credentials.password)
    const [failedLogins, session] = await Promise.all([
      tools.failedLogins?.(user.id),
      beginSession(tools, user, visit),
    ])
    attempt.succeeded()
    const event = { user: user.id, key: PORTAL, account, address: eventAddress, session: session.id }
    tools.append(tools.make(LoginSucceeded, event))
    return done({ user, session, deviceCookie: tools.devices.issue(email), failedLogins })
  } catch (error) {
    attempt.abandoned()
    throw error
  }
}

/** With today's parameters, while the password is at hand. A login does not fail for it. */
async function hashAnew(tools: PortalTools, user: Account, password: string): Promise<void> {
  try {
    const hashed = await tools.passwords.hash(password, KNOWN)
    if (hashed.ok) await tools.accounts.changePassword(user.id, user.passwordHash, hashed.hash)
  } catch (error) {
    tools.log.warn({ err: error, user: user.id }, 'password not hashed anew')
  }
}
