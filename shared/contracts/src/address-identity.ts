import { createHash } from 'node:crypto'
import { addressGroup } from './address.ts'
import { isAddressHash } from './address-hash.ts'
import { ANONYMOUS, type Identity } from './identity.ts'

const DIGITS = 16

/**
 * The identity of callers from an address who have shown no key that is accepted: the keyed hash that events have of it,
 * or a hash of the {@link addressGroup} of a clear one.
 */
export function addressIdentity(address: string): Identity {
  if (isAddressHash(address)) return { user: ANONYMOUS, key: address }
  const key = createHash('sha256').update(addressGroup(address)).digest('hex').slice(0, DIGITS)
  return { user: ANONYMOUS, key }
}
