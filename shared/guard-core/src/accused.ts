import { createHash } from 'node:crypto'
import { ANONYMOUS, type Identity, isAddressHash } from '@fluxgate/contracts'

const DIGITS = 16

/** Whom a gateway takes callers from an address for while they have shown no key: a hash of the address. */
export function addressIdentity(address: string): Identity {
  if (isAddressHash(address)) return { user: ANONYMOUS, key: address }
  return { user: ANONYMOUS, key: createHash('sha256').update(address).digest('hex').slice(0, DIGITS) }
}

/** The identity alone, without the other fields of a fact about it. */
export function identityOf({ user, key }: Identity): Identity {
  return { user, key }
}
