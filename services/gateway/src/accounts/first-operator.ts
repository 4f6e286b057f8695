import { UserRegistered } from '@fluxgate/contracts'
import { revoke } from './account-keys.ts'
import { type Account, type AccountTools, newId, PORTAL } from './accounts.ts'
import { normaliseEmail } from './email.ts'
import { endAllSessions } from './login-session.ts'
import { checkNewPassword, type PasswordStrength } from './password-rules.ts'
import { KNOWN, type Passwords } from './passwords.ts'

export interface FirstOperator {
  readonly email: string
  readonly password: string
}

/**
 * Makes sure that the configured operator exists (ASVS 6.3.2: there is no default one). One that is there keeps the
 * password that it has. Somebody who registered under that address before it became the operator's loses the account:
 * password, sessions and keys were a stranger's. @throws Error when the configured address or password cannot be taken
 */
export async function ensureFirstOperator(
  tools: AccountTools & { readonly passwords: Passwords; readonly strength: PasswordStrength },
  { email: given, password }: FirstOperator,
): Promise<Account> {
  const { accounts, passwords } = tools
  const email = normaliseEmail(given)
  if (email === undefined) throw new Error('OPERATOR_EMAIL is not an e-mail address')
  const found = await accounts.findUserByEmail(email)
  if (found?.role === 'operator') return found

  const checked = await checkNewPassword(tools.strength, password, email)
  if (!checked.ok) throw new Error(`OPERATOR_PASSWORD cannot be taken: ${checked.fault.message}`)
  const hashed = await passwords.hash(password, KNOWN)
  if (!hashed.ok) throw new Error('the operator cannot be made: too many passwords are being hashed')
  if (found) {
    await takeOver(tools, found, hashed.hash)
    return { ...found, role: 'operator', passwordHash: hashed.hash }
  }

  const id = newId('usr', tools)
  const operator = {
    id,
    email,
    passwordHash: hashed.hash,
    role: 'operator',
    tier: 'pro',
    createdAt: tools.epochMs(),
  } as const
  const made = await accounts.createUser(operator)
  // Another node was first.
  if (!made.ok) return ensureFirstOperator(tools, { email, password })
  const { role, tier } = made.user
  tools.append(
    tools.make(UserRegistered, { user: id, key: PORTAL, role, tier, actor: 'system', address: 'system' }),
  )
  return made.user
}

/** The rights come last, when nothing of the former owner's is left. */
async function takeOver(tools: AccountTools, { id, passwordHash }: Account, ownHash: string): Promise<void> {
  const { accounts } = tools
  await accounts.changePassword(id, passwordHash, ownHash)
  await endAllSessions(tools, id, 'system')
  for (const key of await accounts.listKeys(id)) {
    const reason = 'the account became the operator’s'
    if (key.revokedAt === null) await revoke(tools, { userId: id, keyId: key.id, actor: 'system', reason })
  }
  await accounts.setRole(id, 'operator')
}
