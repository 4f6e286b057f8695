/** Why a request of the page is not done: an expected outcome, told as a value. */
export interface ApiError {
  readonly code: ErrorCode
  readonly message: string
}

export type ErrorCode =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'cross_site'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'too_many'
  | 'internal'
  | 'unavailable'
  | 'bad_gateway'

/** The one table of HTTP statuses. */
export const STATUS: Readonly<Record<ErrorCode, number>> = Object.freeze({
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  cross_site: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  too_many: 429,
  internal: 500,
  bad_gateway: 502,
  unavailable: 503,
})

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ApiError }

export function done<T>(value: T): Outcome<T> {
  return { ok: true, value }
}

export function refused(code: ErrorCode, message: string): Outcome<never> {
  return { ok: false, error: { code, message } }
}
