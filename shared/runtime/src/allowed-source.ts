import type { EnvReader } from './config.ts'

/** Where requests may come from; everything else is a page that has rebound its name to this address. */
export interface AllowedSources {
  /** Host names and addresses without port, in lower case; IPv6 in brackets. */
  readonly hosts: ReadonlySet<string>
  /** Origins in full, beyond those whose host is allowed. */
  readonly origins: ReadonlySet<string>
}

/** Any address, as a server listens on it: no name that a client asks for. */
const UNSPECIFIED = new Set(['0.0.0.0', '[::]'])

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

/**
 * The one reading of a face's list of hosts and of its list of origins, two variables: the names of loopback, the host that the
 * face listens on, and the hosts of its public origins are allowed without being listed.
 */
export function readAllowedSources(
  env: EnvReader,
  variables: { readonly hosts: string; readonly origins: string },
  { host, origins = [] }: { host: string; origins?: readonly string[] },
): AllowedSources {
  const own = origins.flatMap(origin => URL.parse(origin)?.hostname ?? [])
  const hosts = [...LOOPBACK_HOSTS, host, ...own, ...env.list(variables.hosts)].map(nameOf)
  const listed = env.urls(variables.origins, ['http:', 'https:'])
  return {
    hosts: new Set(hosts.filter(name => !UNSPECIFIED.has(name))),
    origins: new Set(listed.map(url => URL.parse(url)?.origin ?? url)),
  }
}

/** As a Host header and `URL.hostname` spell it: lower case, IPv6 in brackets. */
function nameOf(host: string): string {
  const name = host.toLowerCase()
  return name.includes(':') && !name.startsWith('[') ? `[${name}]` : name
}
