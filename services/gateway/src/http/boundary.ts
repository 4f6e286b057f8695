/**
 * Every point at which code of a request is entered from outside: by the server, a promise, a timer, the upstream's
 * connection, a decoder, the log. A throw at any of them ends that request alone. `proxy/boundary.test.ts` throws at each.
 */
export const STEPS = [
  /** The head has come. */
  'received',
  'key_found',
  'body_read',
  /** Tokens are taken, and nothing else yet. */
  'reserved',
  'models_listed',
  'upstream_start',
  'upstream_head',
  'upstream_data',
  'upstream_end',
  'upstream_error',
  'upstream_silent',
  'retry',
  /** A call that waits for a free upstream gets one, or has waited too long. */
  'queue',
  'decoded_data',
  'decoded_end',
  'decode_error',
  'decoder_drained',
  /** The sign of the end has come, and what may come behind it has been waited for. */
  'last_wait',
  /** Tokens that the upstream did not report were counted. */
  'counted',
  /** The events are safe: the client may see the end. */
  'committed',
  'client_drained',
  'client_gone',
  /** By a throttle or a stopping node. */
  'interrupted',
] as const
export type Step = (typeof STEPS)[number]

/** Called at the beginning and the end of each step: tests throw from it. */
export type StepProbe = (step: Step, at: 'begin' | 'end') => void

/** The error boundary of one request. */
export interface Boundary {
  /**
   * Runs a part of the request; what it throws ends the request and goes no further. The function gets two arguments so
   * that the hot path needs no closure.
   */
  enter<A, B>(step: Step, run: (a: A, b: B) => void, a: A, b: B): void
}
