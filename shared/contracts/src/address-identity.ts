import { createHash } from 'node:crypto'
import { addressGroup } from './address.ts'
import { ANONYMOUS, type Identity } from './identity.ts'

const DIGITS = 16

/** The identity of callers from an address who have shown no key that is accepted: a hash of its {@link addressGroup}. */
export function addressIdentity(address: string): Identity {
  const key = createHash('sha256').update(addressGroup(address)).digest('hex').slice(0, DIGITS)
  return { user: ANONYMOUS, key }
}
