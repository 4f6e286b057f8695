import { addressGroup } from '@fluxgate/contracts'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import { credentialsOf, lookUpCredentials } from '../callers/credentials.ts'
import type { DnsAccess } from '../config/dns-access.ts'
import type { DnsClient } from './resolve.ts'
import { type AddressOf, trustedNetworks } from '../edge/client-address.ts'
import type { Request } from '../edge/door.ts'

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
