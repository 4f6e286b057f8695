import { MAX_RAW_USAGE } from '@fluxgate/contracts'

/**
 * The vendor's usage object as JSON, for the settlement. One that is too large is reduced to its own numbers; what is
 * still too large then, or is no object, is left out. The object was read by a reader of bounded depth.
 */
export function rawText(raw: unknown): string | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const whole = JSON.stringify(raw)
  if (whole.length <= MAX_RAW_USAGE) return whole
  const numbers = Object.entries(raw).filter(([, value]) => typeof value === 'number')
  const reduced = JSON.stringify(Object.fromEntries(numbers))
  return reduced.length <= MAX_RAW_USAGE && numbers.length > 0 ? reduced : undefined
}
