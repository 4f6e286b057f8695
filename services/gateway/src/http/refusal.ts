import type { DataOf, RequestRefused } from '@fluxgate/contracts'

export type RefusalReason = DataOf<typeof RequestRefused>['reason']

/** Why a request is turned away, in words that a caller can act on. */
export interface Refusal {
  readonly reason: RefusalReason
  /** Machine-readable detail, OpenAI's `code`. */
  readonly code: string
  readonly message: string
  readonly retryAfterMs?: number
  /** Which limit said no; see the fact `requests.refused`. */
  readonly limit?: string
  /** What else the answer says (`allow`, `accept-encoding`). */
  readonly headers?: Readonly<Record<string, string>>
  /** Instead of the reason's own status, where a policy chooses one. */
  readonly status?: number
}

interface Terms {
  readonly status: number
  /** OpenAI's `error.type`. */
  readonly openai: string
  /** Anthropic's `error.type`. */
  readonly anthropic: string
}

/** The one table of statuses. */
export const REFUSAL_TERMS: Readonly<Record<RefusalReason, Terms>> = Object.freeze({
  invalid_request: { status: 400, openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  unauthenticated: { status: 401, openai: 'invalid_request_error', anthropic: 'authentication_error' },
  forbidden: { status: 403, openai: 'permission_error', anthropic: 'permission_error' },
  not_found: { status: 404, openai: 'invalid_request_error', anthropic: 'not_found_error' },
  too_large: { status: 413, openai: 'invalid_request_error', anthropic: 'request_too_large' },
  rate_limited: { status: 429, openai: 'rate_limit_error', anthropic: 'rate_limit_error' },
  throttled: { status: 429, openai: 'rate_limit_error', anthropic: 'rate_limit_error' },
  overloaded: { status: 503, openai: 'server_error', anthropic: 'overloaded_error' },
  unavailable: { status: 503, openai: 'server_error', anthropic: 'api_error' },
  over_budget: { status: 402, openai: 'insufficient_quota', anthropic: 'billing_error' },
  unsupported: { status: 415, openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  method_not_allowed: { status: 405, openai: 'invalid_request_error', anthropic: 'invalid_request_error' },
  timeout: { status: 408, openai: 'invalid_request_error', anthropic: 'timeout_error' },
})

/** Clients wait out any `retry-after`; beyond this they should ask their user instead. */
export const LONG_WAIT_MS = 60_000

/** `retry-after` (whole seconds, at least 1; RFC 9110 section 10.2.3), `retry-after-ms` and `x-should-retry`. */
export function retryHeaders(refusal: Refusal): Record<string, string> {
  if (refusal.retryAfterMs === undefined) return {}
  const ms = Math.max(1, Math.ceil(refusal.retryAfterMs))
  return {
    'retry-after': String(Math.max(1, Math.ceil(ms / 1_000))),
    'retry-after-ms': String(ms),
    ...(ms > LONG_WAIT_MS ? { 'x-should-retry': 'false' } : {}),
  }
}
