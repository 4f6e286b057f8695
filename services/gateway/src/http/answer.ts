import type { FastifyError, FastifyReply } from 'fastify'
import {
  AccountsUnavailable,
  type ApiError,
  type ApiErrorCode,
  errorAnswer,
  type Outcome,
  UNAVAILABLE,
} from './api-error.ts'

/** What any route of the portal may answer with; those that change something besides. */
export const READING: readonly ApiErrorCode[] = Object.freeze(['not_logged_in', 'internal', 'unavailable'])
export const CHANGING: readonly ApiErrorCode[] = Object.freeze(['cross_site', 'internal', 'unavailable'])
export const TAKING: readonly ApiErrorCode[] = Object.freeze([
  'invalid_body',
  'too_large',
  'unsupported_media_type',
])

export function sendError(reply: FastifyReply, fault: ApiError): FastifyReply {
  const { status, headers, body } = errorAnswer(fault)
  return reply.code(status).headers(headers).send(body)
}

/** Sends what went well with `status`, and what did not as its fault. */
export function send<T>(
  reply: FastifyReply,
  status: number,
  outcome: Outcome<T>,
  view: (value: T) => unknown,
): FastifyReply {
  return outcome.ok ? reply.code(status).send(view(outcome.value)) : sendError(reply, outcome.fault)
}

export interface ErrorLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The fault behind what was thrown. Of what is unexpected the log learns, and the client nothing (ASVS 16.5.1). */
export function errorOf(error: Partial<FastifyError> & Error, log: ErrorLog): ApiError {
  if (error instanceof AccountsUnavailable) {
    log.warn({ err: error }, 'accounts cannot be reached')
    return UNAVAILABLE.fault
  }
  const status = error.statusCode ?? 500
  if (status === 415) return { code: 'unsupported_media_type', message: 'The body must be application/json.' }
  if (status === 413) return { code: 'too_large', message: 'The body is too large.' }
  if (status < 500) return { code: 'invalid_body', message: error.message }
  log.error({ err: error }, 'request failed')
  return { code: 'internal', message: 'Internal error. See the gateway log.' }
}
