/**
 * The session cookie. The prefix makes browsers refuse it without `Secure`, with a `Domain` or with another path
 * (RFC 6265bis section 4.1.3.2), so no neighbour of the host can plant one.
 */
export const SESSION_COOKIE = '__Host-fluxgate'

/** Its name where a face is served over plain HTTP on loopback: browsers take no `__Host-` cookie there. */
export const PLAIN_COOKIE = 'fluxgate'

export const SESSION_COOKIE_OPTIONS = Object.freeze({
  path: '/',
  httpOnly: true,
  secure: true,
  sameSite: 'strict',
} as const)

/** The device cookie: says that this browser has logged in to an account before. It opens nothing. */
export const DEVICE_COOKIE = '__Host-fluxgate-device'

/** Its name over plain HTTP on loopback. */
export const PLAIN_DEVICE_COOKIE = 'fluxgate-device'
