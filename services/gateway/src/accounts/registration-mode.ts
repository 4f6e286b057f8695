import type { RegistrationMode } from '../config/index.ts'

/** Whether this address may register without an invitation. */
export function isOpenTo(mode: RegistrationMode, normalisedEmail: string): boolean {
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
