/** Where requests may come from; everything else is a page that has rebound its name to this address. */
export interface AllowedSources {
  /** Host names and addresses without port, in lower case; IPv6 in brackets. */
  readonly hosts: ReadonlySet<string>
  /** Origins in full, beyond those whose host is allowed. */
  readonly origins: ReadonlySet<string>
}

export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i

export function isAllowedHost(host: string | undefined, allowed: AllowedSources): boolean {
  const name = HOST.exec(host ?? '')?.[1]
  return name !== undefined && allowed.hosts.has(name.toLowerCase())
}

/** Only browsers send an origin; without one there is no page to guard against. */
export function isAllowedOrigin(origin: string | undefined, allowed: AllowedSources): boolean {
  if (origin === undefined || allowed.origins.has(origin)) return true
  const url = URL.parse(origin)
  if (url?.origin !== origin || !/^https?:$/.test(url.protocol)) return false
  return allowed.hosts.has(url.hostname)
}
