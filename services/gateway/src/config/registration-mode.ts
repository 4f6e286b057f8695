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
