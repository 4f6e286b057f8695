import type { Throttle } from '@fluxgate/contracts'
import type { Exchange } from './exchange.http.ts'

/** A throttle that arrives ends what its identity streams just then, if it says so. `epochMs` is for its `until`. */
export function endThrottledStreams(
  running: Iterable<Exchange>,
  identity: string,
  throttle: Throttle | undefined,
  epochMs: number,
): void {
  if (!throttle?.endStreams || throttle.until <= epochMs) return
  for (const exchange of running) {
    if (exchange.call.stream && exchange.call.identityText === identity) {
      exchange.interrupt('throttle', `This key is throttled (${throttle.reason}).`)
    }
  }
}
