import type { CookieNames } from '../sessions/index.ts'

/** Signed values have three parts (RFC 7515 section 7.1). A cookie is whatever its client made it, control characters included. */
const SIGNED = /^[\w-]{1,2048}\.[\w-]{1,2048}\.[\w-]{1,2048}$/

/**
 * The `Cookie` header for the gateway: the portal's cookies and nothing else of what the browser sent. What is no signed
 * value is none of them, and could not be sent as a header.
 */
export function cookiesForGateway(
  sent: Readonly<Record<string, string | undefined>>,
  names: readonly CookieNames[],
): string | undefined {
  const passed = names.flatMap(({ browser, gateway }) => {
    const value = sent[browser]
    return value === undefined || !SIGNED.test(value) ? [] : [`${gateway}=${value}`]
  })
  return passed.length === 0 ? undefined : passed.join('; ')
}

/**
 * The gateway's `Set-Cookie` for the browser: the portal's cookies alone, under the browser's names. Over plain HTTP a
 * browser takes neither `__Host-` nor `Secure`; `HttpOnly`, `SameSite`, `Path` and the age stay as the gateway said.
 */
export function cookiesForBrowser(
  setCookie: string | readonly string[] | undefined,
  names: readonly CookieNames[],
  isSecure: boolean,
): string[] {
  const all = typeof setCookie === 'string' ? [setCookie] : (setCookie ?? [])
  return all.flatMap(cookie => {
    const name = names.find(({ gateway }) => cookie.startsWith(`${gateway}=`))
    if (!name) return []
    const [, ...attributes] = cookie.split(';').map(part => part.trim())
    const value = cookie.slice(name.gateway.length + 1).split(';', 1)[0]
    const passedOn = attributes.filter(attribute => attribute.toLowerCase() !== 'secure')
    return [[`${name.browser}=${value}`, ...passedOn, ...(isSecure ? ['Secure'] : [])].join('; ')]
  })
}
