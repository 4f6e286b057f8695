import { createHash, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Request } from './request-filter.http.ts'

export type IsTrusted = (address: string) => boolean
/** The address of whom a request is from. */
export type AddressOf = (request: Request) => string

/** Whether a request shows the token of a face of ours that passes on requests of others. */
export type IsForwarder = (request: Request) => boolean

/** The dashboard shows it, so that its users are not one address; from whatever address the dashboard itself has. */
export const FORWARD_TOKEN_HEADER = 'x-fluxgate-forward-token'

export function forwarderBy(token: string | undefined): IsForwarder {
  if (token === undefined) return () => false
  const expected = digest(token)
  return request => {
    const given = request.headers[FORWARD_TOKEN_HEADER]
    return typeof given === 'string' && timingSafeEqual(digest(given), expected)
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

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
export function clientAddress(isTrusted: IsTrusted, isForwarder: IsForwarder = () => false): AddressOf {
  return request => {
    const peer = request.socket.remoteAddress ?? ''
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded === undefined || peer === '') return peer
    if (!isTrusted(peer) && !isForwarder(request)) return peer
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
