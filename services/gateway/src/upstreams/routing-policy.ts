import Type, { type Static } from 'typebox'

const STRICT = { additionalProperties: false } as const
const ms = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })

/** When a call is sent once more. Only before the first byte of an answer has gone to the client. */
export const RetryPolicy = Type.Object(
  {
    /** Upstreams asked for one model, the first one included. Each fallback model adds one. */
    maxAttempts: Type.Integer({ minimum: 1, maximum: 10 }),
    /** The wait before retry n is a random part of `baseDelayMs` doubled n times, at most `maxDelayMs`. */
    baseDelayMs: ms(0, 10_000),
    maxDelayMs: ms(0, 60_000),
    /** No attempt begins later than this after the call came. */
    maxTotalMs: ms(0, 600_000),
    /** A longer `retry-after` of the only upstream left is passed on to the client instead of being waited out. */
    maxRetryAfterMs: ms(0, 60_000),
    /**
     * Whether a model call may be repeated that was sent whole and broke before an answer. A model may then have worked
     * twice, and been paid twice; but nothing is stored or changed by it, and the client would repeat it anyway.
     */
    afterSent: Type.Boolean(),
    /** Retries per call, over time: in an outage they add at most this part to the load. */
    budgetRatio: Type.Number({ minimum: 0, maximum: 1 }),
    /** Retries per second that are free of the ratio, so that a quiet node may retry too. */
    budgetPerSecond: Type.Number({ minimum: 0, maximum: 1_000 }),
  },
  STRICT,
)
export type RetryPolicy = Static<typeof RetryPolicy>

/** When an upstream is left alone. */
export const CircuitPolicy = Type.Object(
  {
    /** Failures in a row to be reached (refused, reset, timed out, 502, 503, 504, 529) that open it. */
    failures: Type.Integer({ minimum: 1, maximum: 1_000 }),
    /** Part of the answers in the window that are failures (500 too), of at least `minRequests`. */
    failureRatio: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    minRequests: Type.Integer({ minimum: 1, maximum: 100_000 }),
    windowMs: ms(100, 600_000),
    /** Open for this long at first, then doubled up to the maximum while probes fail; a fifth of it is random. */
    openMs: ms(10, 600_000),
    maxOpenMs: ms(10, 3_600_000),
  },
  STRICT,
)
export type CircuitPolicy = Static<typeof CircuitPolicy>

/** What happens when every upstream that serves a call is at its limit. */
export const QueuePolicy = Type.Object(
  {
    maxWaitMs: ms(0, 60_000),
    maxWaiting: Type.Integer({ minimum: 0, maximum: 100_000 }),
  },
  STRICT,
)
export type QueuePolicy = Static<typeof QueuePolicy>

export interface RoutingPolicy {
  readonly retry: RetryPolicy
  readonly circuit: CircuitPolicy
  readonly queue: QueuePolicy
}

export const DEFAULT_POLICY: RoutingPolicy = Object.freeze({
  retry: Object.freeze({
    maxAttempts: 3,
    baseDelayMs: 50,
    maxDelayMs: 2_000,
    maxTotalMs: 30_000,
    maxRetryAfterMs: 2_000,
    afterSent: true,
    budgetRatio: 0.2,
    budgetPerSecond: 1,
  }),
  circuit: Object.freeze({
    failures: 5,
    failureRatio: 0.5,
    minRequests: 20,
    windowMs: 10_000,
    openMs: 1_000,
    maxOpenMs: 30_000,
  }),
  queue: Object.freeze({ maxWaitMs: 500, maxWaiting: 256 }),
})
