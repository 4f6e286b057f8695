import { isIP } from 'node:net'

/** Whose questions go to the resolvers; names that the gateway answers itself are answered for everybody. */
export type DnsAccess =
  | { readonly kind: 'open' | 'keys' | 'off' }
  | { readonly kind: 'networks'; readonly networks: readonly string[] }

/** Loopback, link-local and private addresses: a resolver that answers the Internet is used to attack others. */
const PRIVATE = ['loopback', 'linklocal', 'uniquelocal'] as const
export const DEFAULT_DNS_ACCESS = 'private'
const NETWORKS = 'networks:'

/** Reads `open`, `private`, `keys`, `off` or `networks:10.0.0.0/8,loopback,…`. */
export function parseDnsAccess(text: string): DnsAccess | { readonly fault: string } {
  if (text === 'open' || text === 'keys' || text === 'off') return { kind: text }
  if (text === 'private') return { kind: 'networks', networks: PRIVATE }
  if (!text.startsWith(NETWORKS)) return { fault: 'must be open, private, keys, off or networks:<network>,…' }
  const networks = text
    .slice(NETWORKS.length)
    .split(',')
    .map(network => network.trim())
  const wrong = networks.find(network => !isNetwork(network))
  return wrong === undefined
    ? { kind: 'networks', networks }
    : { fault: `${JSON.stringify(wrong)} is no address, network, "loopback", "linklocal" or "uniquelocal"` }
}

function isNetwork(text: string): boolean {
  if ((PRIVATE as readonly string[]).includes(text)) return true
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
