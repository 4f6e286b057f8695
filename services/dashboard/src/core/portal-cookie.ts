/** Names under which the same session cookie goes. */
export interface CookieNames {
  /** At browsers of this dashboard. */
  readonly browser: string
  /** At the gateway. */
  readonly gateway: string
}

/** A signed token (RFC 7515 section 7.1). A cookie is whatever its client made it, control characters included. */
const TOKEN = /^[\w-]{1,2048}\.[\w-]{1,2048}\.[\w-]{1,2048}$/

/**
 * The `Cookie` header for the gateway: the session and nothing else of what the browser sent. What is no token is no
 * session, and could not be sent as a header.
 */
export function cookieForGateway(token: string | undefined, { gateway }: CookieNames): string | undefined {
  return token === undefined || !TOKEN.test(token) ? undefined : `${gateway}=${token}`
}

/**
 * The gateway's `Set-Cookie` for the browser: the session alone, under the browser's name. Over plain HTTP a browser
 * takes neither `__Host-` nor `Secure`; `HttpOnly`, `SameSite`, `Path` and the age stay as the gateway said.
 */
export function cookieForBrowser(
  setCookie: string | readonly string[] | undefined,
  names: CookieNames,
  isSecure: boolean,
): string[] {
  const all = typeof setCookie === 'string' ? [setCookie] : (setCookie ?? [])
  return all
    .filter(cookie => cookie.startsWith(`${names.gateway}=`))
    .map(cookie => {
      const [, ...attributes] = cookie.split(';').map(part => part.trim())
      const value = cookie.slice(names.gateway.length + 1).split(';', 1)[0]
      const kept = attributes.filter(attribute => attribute.toLowerCase() !== 'secure')
      return [`${names.browser}=${value}`, ...kept, ...(isSecure ? ['Secure'] : [])].join('; ')
    })
}
