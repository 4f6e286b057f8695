import { ANONYMOUS, type Throttle } from '@fluxgate/contracts'
import type { AddressHashes } from './address-keys.ts'

/** How long an address has to wait that the guard has blocked; a throttle that lets something through is not for logins. */
export function blockedForMs(throttle: Throttle | undefined, epochMs: number): number {
  return throttle?.capacity === 0 ? Math.max(0, throttle.until - epochMs) : 0
}

const ADDRESS_PREFIX = `${ANONYMOUS}.`

/** The throttle of an address that was imposed under its hash of the period before: a rotation of the key ends none. */
export function addressThrottleOfBefore(
  identity: string,
  hashes: Pick<AddressHashes, 'previousTextOf'>,
  throttles: ReadonlyMap<string, Throttle>,
): Throttle | undefined {
  if (!identity.startsWith(ADDRESS_PREFIX)) return undefined
  const before = hashes.previousTextOf(identity.slice(ADDRESS_PREFIX.length))
  return before === undefined ? undefined : throttles.get(ADDRESS_PREFIX + before)
}
