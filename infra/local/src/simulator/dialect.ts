import type { RequestFault } from './request.ts'

export type Dialect = 'openai' | 'anthropic' | 'ollama'

const OPENAI_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  429: 'rate_limit_error',
}
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

/** The error body that the dialect's own server would send. */
export function errorBody(dialect: Dialect, fault: RequestFault): unknown {
  const { status, message } = fault
  const fallback = status >= 500 ? 'server_error' : 'invalid_request_error'
  if (dialect === 'ollama') return { error: message }
  if (dialect === 'anthropic') {
    const type = ANTHROPIC_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
    return { type: 'error', error: { type, message } }
  }
  return {
    error: {
      message,
      type: OPENAI_TYPES[status] ?? fallback,
      param: fault.param ?? null,
      code: fault.reason ?? null,
    },
  }
}
