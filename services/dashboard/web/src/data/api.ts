import type { ErrorBody } from '../../../src/http/answers.ts'

export interface ApiError {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  readonly code: string
  readonly message: string
}

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ApiError }

const UNREACHABLE: ApiError = { status: 0, code: 'unreachable', message: 'The dashboard cannot be reached.' }

let onUnauthenticated = () => {}

/** Called when an answer says that the session is over. */
export function whenUnauthenticated(listener: () => void): void {
  onUnauthenticated = listener
}

export function get<T>(path: string, signal?: AbortSignal): Promise<Result<T>> {
  return ask<T>(path, { method: 'GET', ...(signal ? { signal } : {}) })
}

export function put<T>(path: string, body: object): Promise<Result<T>> {
  const headers = { 'content-type': 'application/json' }
  return ask<T>(path, { method: 'PUT', headers, body: JSON.stringify(body) })
}

/** Orders always carry JSON, an empty object at the least: the server takes nothing else. */
export function post<T>(path: string, body: object = {}): Promise<Result<T>> {
  const headers = { 'content-type': 'application/json' }
  return ask<T>(path, { method: 'POST', headers, body: JSON.stringify(body) })
}

export function remove<T>(path: string): Promise<Result<T>> {
  return ask<T>(path, { method: 'DELETE' })
}

async function ask<T>(path: string, init: RequestInit): Promise<Result<T>> {
  let response: Response
  let body: unknown
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin' })
    const text = await response.text()
    body = text === '' ? undefined : JSON.parse(text)
  } catch (error) {
    if (init.signal?.aborted) return { ok: false, error: { ...UNREACHABLE, code: 'aborted' } }
    console.warn('request failed', path, error)
    return { ok: false, error: UNREACHABLE }
  }
  if (response.ok) return { ok: true, value: body as T }
  const error = apiErrorOf(response, body)
  if (error.status === 401 && !path.startsWith('/portal/login')) onUnauthenticated()
  return { ok: false, error }
}

/** Both this server and the gateway answer `{ error: { code, message } }`. */
function apiErrorOf(response: Response, body: unknown): ApiError {
  const { error } = (body ?? {}) as Partial<ErrorBody>
  return {
    status: response.status,
    code: error?.code ?? 'unknown',
    message: error?.message ?? `The answer was ${response.status} ${response.statusText}.`,
  }
}
