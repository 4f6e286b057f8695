import { isAddressHash } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import { ClearAddress, documented, json, refused, sendError } from '../http/index.ts'

const UNKNOWN = refused('not_found', 'This hash is of no address of the last days.')
const ONE = documented({
  summary: 'The client address behind a hash in events, for three days after its last use',
  tag: 'state',
  answers: { 200: json(ClearAddress) },
  faults: ['not_found'],
})

export interface AddressRouteDeps {
  readonly resolveAddress: (hash: string) => Promise<string | undefined>
}

export function routeAddresses(scope: FastifyInstance, { resolveAddress }: AddressRouteDeps): void {
  scope.get<{ Params: { hash: string } }>('/admin/addresses/:hash', ONE, async (request, reply) => {
    const { hash } = request.params
    const address = isAddressHash(hash) ? await resolveAddress(hash) : undefined
    return address === undefined ? sendError(reply, UNKNOWN.fault) : { hash, address }
  })
}
