import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Request } from './door.ts'

export type IsTrusted = (address: string) => boolean
/** The address of whom a request is from. */
export type AddressOf = (request: Request) => string

/** The networks behind the names that Fastify's `trustProxy` knows. */
const NAMED: Readonly<Record<string, readonly string[]>> = Object.freeze({
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
})

/** Through a trusted proxy come the connections of many clients. */
export function trustedNetworks(proxies: readonly string[]): IsTrusted {
  const list = new BlockList()
  for (const network of proxies.flatMap(proxy => NAMED[proxy] ?? [proxy])) {
    const [address = '', bits] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return address => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/**
 * The connection's peer; behind trusted proxies the address that the first of them wrote in `X-Forwarded-For`: read
 * from the right, the first that is no trusted proxy's. What a client wrote there itself stands further left.
 */
export function clientAddress(isTrusted: IsTrusted): AddressOf {
  return request => {
    const peer = request.socket.remoteAddress ?? ''
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined || peer === '' || !isTrusted(peer)) return peer
    const hops = String(forwarded).split(',')
    let address = peer
    for (let i = hops.length - 1; i >= 0; i--) {
      const hop = hops[i]!.trim()
      if (isIP(hop) === 0) break
      address = hop
      if (!isTrusted(hop)) break
    }
    return address
  }
}
