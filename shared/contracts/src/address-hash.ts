const HASH = /^a_[0-9a-f]{20}$/

/**
 * Whether an address in an event is a keyed hash of an IPv4 address or IPv6 /64 (`a_` and 20 hex digits). Events of
 * earlier versions, and addresses that the guard's policy names, are clear.
 */
export function isAddressHash(address: string): boolean {
  return HASH.test(address)
}
