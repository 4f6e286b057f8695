import { addressGroup } from '@fluxgate/contracts'
import { credentialsOf, lookUpCredentials } from '../callers/index.ts'
import type { DnsAccess } from '../config/index.ts'
import { type AddressOf, type Request, trustedNetworks } from '../edge/index.ts'
import type { KeyAnswer } from '../http/index.ts'
import type { DnsClient } from './resolve.ts'

/** Who asks `/dns-query`: by address for the limits, and by `DOH_ACCESS` for whether the upstreams are asked. */
export function dnsClients(
  access: DnsAccess,
  {
    addressOf,
    lookupKey,
  }: { addressOf: AddressOf; lookupKey: (key: string) => KeyAnswer | Promise<KeyAnswer> },
): (request: Request) => DnsClient {
  const isInside = access.kind === 'networks' ? trustedNetworks(access.networks) : () => false
  return request => {
    const address = addressOf(request)
    return {
      address: addressGroup(address),
      async mayAsk() {
        if (access.kind !== 'keys') return access.kind === 'open' || isInside(address)
        const answer = await lookUpCredentials(credentialsOf(request.headers), lookupKey)
        return answer.kind === 'accepted'
      },
    }
  }
}
