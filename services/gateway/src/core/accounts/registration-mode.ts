/**
 * Who may register. `invite`: with an invitation; `domain`: without one where the address ends in it, which proves
 * nothing about who owns the address; `off`: only an administrator makes users.
 */
export type RegistrationMode =
  | { readonly kind: 'open' | 'invite' | 'off' }
  | { readonly kind: 'domain'; readonly domain: string }

const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/

/** Reads `open`, `invite`, `off` or `domain:example.com`; undefined for anything else. */
export function parseRegistrationMode(text: string): RegistrationMode | undefined {
  if (text === 'open' || text === 'invite' || text === 'off') return { kind: text }
  const domain = text.startsWith('domain:') ? text.slice('domain:'.length).toLowerCase() : ''
  return DOMAIN.test(domain) ? { kind: 'domain', domain } : undefined
}

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
