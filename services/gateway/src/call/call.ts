import type { Identity, PriceBook, TierName } from '@fluxgate/contracts'
import type { Dialect, Route } from '../dialects/index.ts'
import type { CallTrace } from './trace.ts'

/** One request as it goes through the gateway: what every fact about it repeats. */
export interface Call {
  readonly id: string
  readonly method: string
  readonly path: string
  /** Undefined where the path is not served. */
  readonly route: Route | undefined
  readonly dialect: Dialect
  readonly address: string
  readonly agent: string | undefined
  readonly traceparent: string | undefined
  /** Absent while tracing is off. */
  readonly trace: CallTrace | undefined
  /** Monotonic milliseconds. */
  readonly startedMs: number
  model: string
}

/** A call that was let through, and what was taken for it. */
export interface AdmittedCall extends Call {
  readonly route: Route
  readonly identity: Identity
  readonly identityText: string
  readonly tier: TierName
  readonly refillRate: number
  readonly stream: boolean
  readonly promptChars: number
  readonly promptEstimate: number
  readonly reserved: number
  /** When it was admitted, epoch milliseconds, and the price list in force then. */
  readonly admittedAtMs: number
  readonly prices: PriceBook
}

/** Text from outside, cut to what a fact may hold. */
export function shortText(text: string): string {
  return text.length <= 256 ? text : text.slice(0, 256)
}
