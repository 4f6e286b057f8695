import { addressGroup, UserRegistered } from '@fluxgate/contracts'
import { newId, PORTAL } from './accounts.ts'
import { normaliseEmail } from './email.ts'
import { BUSY, done, type Outcome, refused } from './fault.ts'
import { checkNewPassword } from './password-rules.ts'
import type { PortalTools } from './portal-tools.ts'

export interface Registration {
  readonly email: string
  readonly password: string
  readonly address: string
}

/**
 * Makes an account. An address that has one already gets the same answer after the same work, and its password stays
 * (ASVS 6.3.8): who asks learns nothing here. What is left to him is to log in with the password that he tried to
 * register; there he meets the guard, and he has made an account at each address that had none.
 */
export async function register(
  tools: PortalTools,
  { email: given, password, address }: Registration,
): Promise<Outcome<{ readonly email: string }>> {
  const email = normaliseEmail(given)
  if (email === undefined) return refused('invalid_email', 'That is not an e-mail address.')
  const checked = checkNewPassword(password, email)
  if (!checked.ok) return checked

  const nowMs = tools.epochMs()
  const group = addressGroup(address)
  const waitMs = tools.registrations.waitMs(group, nowMs)
  if (waitMs > 0)
    return refused('too_many_attempts', 'Too many registrations from here. Wait a little.', waitMs)
  tools.registrations.fail(group, nowMs)

  const hashed = await tools.passwords.hash(password)
  if (!hashed.ok) {
    tools.registrations.undo(group)
    return BUSY
  }
  const id = newId('usr', tools)
  const made = await tools.accounts.createUser({ id, email, passwordHash: hashed.hash, createdAt: nowMs })
  if (made.ok) {
    const { role, tier } = made.user
    tools.append(tools.make(UserRegistered, { user: id, key: PORTAL, role, tier, actor: 'self', address }))
  }
  return done({ email })
}
