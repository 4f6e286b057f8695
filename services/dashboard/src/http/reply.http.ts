import type { FastifyError, FastifyReply } from 'fastify'
import type { ErrorBody } from './answers.ts'
import { type ApiError, type Outcome, STATUS } from './error.ts'

export function answerOf({ code, message }: ApiError): { code: number; body: ErrorBody } {
  return { code: STATUS[code], body: { error: { code, message } } }
}

export function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  const { code, body } = answerOf(error)
  return reply.code(code).send(body)
}

export function sendOutcome<T>(reply: FastifyReply, outcome: Outcome<T>, status = 200): FastifyReply {
  return outcome.ok ? reply.code(status).send(outcome.value) : sendError(reply, outcome.error)
}

/** Postgres or NATS is unavailable: connection errors of the system, SQLSTATE classes 08, 53 and 57, and timeouts. */
const OUTAGE = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|08|53|57|TIMEOUT|503|CONNECTION_)/

export function apiErrorOf(error: FastifyError): ApiError {
  if (error.validation) return { code: 'invalid', message: error.message }
  if (error.code === 'FLUXGATE_CURSOR') return { code: 'invalid', message: error.message }
  if (error.statusCode === 413) return { code: 'too_large', message: 'The request is too large.' }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return { code: 'invalid', message: error.message }
  }
  if (OUTAGE.test(error.code ?? '') || /^(Connection terminated|timeout)/i.test(error.message)) {
    return { code: 'unavailable', message: 'The data is unavailable. Try again in a moment.' }
  }
  return { code: 'internal', message: 'Internal error. See the dashboard log.' }
}
