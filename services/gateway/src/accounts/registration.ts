import { addressGroup, UserRegistered } from '@fluxgate/contracts'
import type { RegistrationMode } from '../config/index.ts'
import { BUSY, done, type Outcome, refused } from '../http/index.ts'
import { type Account, newId, PORTAL } from './accounts.ts'
import { normaliseEmail } from './email.ts'
import { hashOfInvitation } from './invitations.ts'
import { checkNewPassword } from './password-rules.ts'
import type { PortalTools } from './portal-tools.ts'

export interface Registration {
  readonly email: string
  readonly password: string
  /** The token of an invitation. */
  readonly invitation: string | undefined
  readonly address: string
  /** The address as events have it. */
  readonly eventAddress: string
}

const CLOSED = refused(
  'registration_closed',
  'Registration is by invitation here. Ask an operator of this gateway for a link.',
)
const CLOSED_TO_ALL = refused('registration_closed', 'Registration is closed. An operator makes accounts.')
/** One answer for a token that is unknown, used, revoked, expired, or another address's. */
const INVALID_INVITATION = refused(
  'invalid_invitation',
  'This invitation cannot be used with this address, or not any more. Ask for a new one.',
)

/**
 * Makes an account. What is refused is refused for reasons that have nothing to do with who has an account: the mode,
 * the invitation, the password. An address that has an account gets the same answer after the same work, and its password
 * stays (ASVS 6.3.8). With an invitation, which is for one address that had no account when it was made and is used up by
 * the first try that comes so far, logging in afterwards tells nothing either; in the modes `open` and `domain` it does.
 */
export async function register(
  tools: PortalTools,
  { email: given, password, invitation: token, address, eventAddress }: Registration,
): Promise<Outcome<{ readonly email: string }>> {
  const email = normaliseEmail(given)
  if (email === undefined) return refused('invalid_email', 'That is not an e-mail address.')
  const nowMs = tools.epochMs()
  const group = addressGroup(address)
  const waitMs = tools.registrations.waitMs(group, nowMs)
  if (waitMs > 0)
    return refused('too_many_attempts', 'Too many registrations from here. Wait a little.', waitMs)
  const mode = await tools.registrationMode()
  const invited = await invitationOf(tools, mode, token, email, nowMs)
  if (!invited.ok) {
    if (token !== undefined) tools.registrations.fail(group, nowMs)
    return invited
  }
  tools.registrations.fail(group, nowMs)
  const checked = await checkNewPassword(tools.strength, password, email)
  if (!checked.ok) return checked

  const priority = invited.value ? 'known' : 'stranger'
  const hashed = await tools.passwords.hash(password, { priority, source: group })
  if (!hashed.ok) {
    tools.registrations.undo(group)
    return BUSY
  }
  const account = { id: newId('usr', tools), email, passwordHash: hashed.hash, createdAt: nowMs }
  if (!invited.value) {
    const made = await tools.accounts.createUser(account)
    if (made.ok) report(tools, made.user, 'self', eventAddress)
    return done({ email })
  }
  const used = await tools.accounts.createInvitedUser(invited.value, account)
  if (!used) return INVALID_INVITATION
  const { invitation, creation } = used
  if (creation.ok) report(tools, creation.user, `invitation:${invitation.id}`, eventAddress)
  return done({ email })
}

/** The hash of the invitation that is used, or undefined where none is needed. */
async function invitationOf(
  tools: PortalTools,
  mode: RegistrationMode,
  token: string | undefined,
  email: string,
  nowMs: number,
): Promise<Outcome<Uint8Array | undefined>> {
  if (mode.kind === 'off') return CLOSED_TO_ALL
  if (token === undefined) return isOpenTo(mode, email) ? done(undefined) : CLOSED
  const hash = hashOfInvitation(token)
  const found = hash && (await tools.accounts.findOpenInvitation(hash, nowMs))
  return found && found.email === email ? done(hash) : INVALID_INVITATION
}

function report(tools: PortalTools, { id, role, tier }: Account, actor: string, address: string): void {
  tools.append(tools.make(UserRegistered, { user: id, key: PORTAL, role, tier, actor, address }))
}

/** Whether this address may register without an invitation. */
function isOpenTo(mode: RegistrationMode, normalisedEmail: string): boolean {
  if (mode.kind === 'domain') return normalisedEmail.endsWith(`@${mode.domain}`)
  return mode.kind === 'open'
}

/**
 * The mode in force. Without a setting it is open until there is an operator, and by invitation from then on; that there
 * is one is asked once, since it does not change back.
 */
export function registrationMode(
  setting: RegistrationMode | undefined,
  hasOperator: () => Promise<boolean>,
): () => Promise<RegistrationMode> {
  let isClosed = false
  return async () => {
    if (setting) return setting
    isClosed ||= await hasOperator()
    return { kind: isClosed ? 'invite' : 'open' }
  }
}
