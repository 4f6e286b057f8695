/** Why something about accounts is not done: an expected outcome, told as a value. */
export interface ApiError {
  readonly code: ApiErrorCode
  readonly message: string
  readonly retryAfterMs?: number
}

interface Terms {
  readonly status: number
  readonly type: string
}

/** The one table of statuses; types are those of the OpenAI-shaped errors on the public face. */
export const API_ERROR_TERMS = Object.freeze({
  invalid_body: { status: 400, type: 'invalid_request_error' },
  invalid_email: { status: 400, type: 'invalid_request_error' },
  unknown_tier: { status: 400, type: 'invalid_request_error' },
  weak_password: { status: 400, type: 'invalid_request_error' },
  invalid_admin_token: { status: 401, type: 'authentication_error' },
  wrong_credentials: { status: 401, type: 'authentication_error' },
  not_logged_in: { status: 401, type: 'authentication_error' },
  forbidden_token: { status: 403, type: 'permission_error' },
  account_disabled: { status: 403, type: 'permission_error' },
  registration_closed: { status: 403, type: 'permission_error' },
  invalid_invitation: { status: 403, type: 'permission_error' },
  cross_site: { status: 403, type: 'permission_error' },
  not_found: { status: 404, type: 'invalid_request_error' },
  conflict: { status: 409, type: 'invalid_request_error' },
  too_large: { status: 413, type: 'invalid_request_error' },
  unsupported_media_type: { status: 415, type: 'invalid_request_error' },
  too_many_attempts: { status: 429, type: 'rate_limit_error' },
  internal: { status: 500, type: 'server_error' },
  busy: { status: 503, type: 'server_error' },
  unavailable: { status: 503, type: 'server_error' },
} as const satisfies Record<string, Terms>)

export type ApiErrorCode = keyof typeof API_ERROR_TERMS

export interface Refused {
  readonly ok: false
  readonly fault: ApiError
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | Refused

export function done<T>(value: T): Outcome<T> {
  return { ok: true, value }
}

export function refused(code: ApiErrorCode, message: string, retryAfterMs?: number): Refused {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) }
  return { ok: false, fault: { code, message, ...wait } }
}

/** As it goes over the wire. `retry-after` is whole seconds, at least 1 (RFC 9110 section 10.2.3). */
export function errorAnswer(fault: ApiError): {
  status: number
  headers: Record<string, string>
  body: { error: { message: string; type: string; code: string } }
} {
  const { status, type } = API_ERROR_TERMS[fault.code]
  const wait = fault.retryAfterMs
  return {
    status,
    headers: wait === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(wait / 1_000))) },
    body: { error: { message: fault.message, type, code: fault.code } },
  }
}

const BUSY_MS = 1_000
const UNAVAILABLE_MS = 2_000

export const BUSY = refused(
  'busy',
  'Too many passwords are being checked right now. Please try again.',
  BUSY_MS,
)
export const UNAVAILABLE = refused(
  'unavailable',
  'Accounts cannot be reached right now. Please try again.',
  UNAVAILABLE_MS,
)

/** The database of accounts cannot be asked; thrown by every function of `Accounts`. */
export class AccountsUnavailable extends Error {
  readonly code = 'FLUXGATE_ACCOUNTS_UNAVAILABLE'
  constructor(cause: unknown) {
    super('the database of accounts cannot be asked', { cause })
    this.name = 'AccountsUnavailable'
  }
}
