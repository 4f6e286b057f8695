import type { Throttle } from '@fluxgate/contracts'

/** How long an address has to wait that the guard has blocked; a throttle that lets something through is not for logins. */
export function barredMs(throttle: Throttle | undefined, epochMs: number): number {
  return throttle?.capacity === 0 ? Math.max(0, throttle.until - epochMs) : 0
}
