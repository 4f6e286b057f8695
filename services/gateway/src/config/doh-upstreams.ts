import { isIP } from 'node:net'

/** A DoH server and the addresses at which it is reached: its own name is never looked up. */
export interface UpstreamAddress {
  /** Without the fragment. */
  readonly url: string
  /** Empty where the URL's host is an address itself. */
  readonly addresses: readonly string[]
}

/** Public resolvers that may be written without addresses. */
const WELL_KNOWN: Readonly<Record<string, readonly string[]>> = {
  'cloudflare-dns.com': ['1.1.1.1', '1.0.0.1', '2606:4700:4700::1111'],
  'one.one.one.one': ['1.1.1.1', '1.0.0.1', '2606:4700:4700::1111'],
  'dns.google': ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888'],
  'dns.quad9.net': ['9.9.9.9', '149.112.112.112', '2620:fe::fe'],
  localhost: ['127.0.0.1', '::1'],
}

/**
 * Reads the parts of a comma-separated list of DoH servers (RFC 8484). A host name needs its addresses behind `#`, and
 * parts that are only an address belong to the server before:
 * `https://1.1.1.1/dns-query,https://dns.example/dns-query#192.0.2.1,192.0.2.2`. The certificate is always checked
 * against the URL's host.
 */
export function parseUpstreams(parts: readonly string[]): { upstreams: UpstreamAddress[]; faults: string[] } {
  const found: { url: URL; addresses: string[] }[] = []
  const faults: string[] = []
  for (const part of parts) {
    const last = found.at(-1)
    if (isIP(part) !== 0 && last !== undefined) {
      last.addresses.push(part)
      continue
    }
    const url = URL.parse(part)
    if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') {
      faults.push(`${JSON.stringify(part.slice(0, 120))} is not an https:// URL of a DoH server`)
      continue
    }
    const addresses = url.hash === '' ? [] : [url.hash.slice(1)]
    url.hash = ''
    found.push({ url, addresses })
  }
  const upstreams = found.map(({ url, addresses }) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const bad = addresses.find(address => isIP(address) === 0)
    if (bad !== undefined) faults.push(`${url.href}: ${JSON.stringify(bad)} after # is not an IP address`)
    const known = addresses.length > 0 ? addresses : (WELL_KNOWN[host] ?? [])
    if (isIP(host) === 0 && known.length === 0) {
      faults.push(
        `${url.href} needs its address, as in ${url.href}#192.0.2.1: names of DoH servers are not looked up`,
      )
    }
    return { url: url.href, addresses: known }
  })
  return { upstreams, faults }
}
