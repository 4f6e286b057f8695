import { errors } from 'undici'
import { REFUSAL_TERMS, unknownModel as refusalOf } from '../http/index.ts'
import { UpstreamError } from './upstream.ts'

/**
 * What went wrong, by where it went wrong: before a connection had the request, before the answer's headers, or in the
 * middle of the answer.
 */
export function describe(cause: Error, phase: UpstreamError['phase']): UpstreamError {
  const fault = (code: string, status: number, message: string) =>
    new UpstreamError(code, phase, status, message, { cause })
  if (phase === 'connect') return fault('upstream_unreachable', 502, 'The model server cannot be reached.')
  if (cause instanceof errors.HeadersTimeoutError) return SILENT(cause)
  if (cause instanceof errors.HeadersOverflowError) {
    return fault('upstream_headers', 502, 'The model server answered with too many headers.')
  }
  return fault('upstream_broken', 502, 'The model server broke off its answer.')
}

export const REDIRECTED = () =>
  new UpstreamError(
    'upstream_redirect',
    'response',
    502,
    'The model server answered with a redirect, which is not followed.',
  )

export function unknownModel(model: string): UpstreamError {
  const { code, message, reason } = refusalOf(model)
  return new UpstreamError(code, 'connect', REFUSAL_TERMS[reason].status, message, { reason })
}

export const NO_UPSTREAM = () =>
  new UpstreamError('no_upstream', 'connect', 503, 'No model server is configured.')

/** @param retryAfterMs until one of them may be tried again */
export function allAway(retryAfterMs: number): UpstreamError {
  const message = 'No model server for this model is healthy right now. Please try again.'
  return new UpstreamError('no_healthy_upstream', 'connect', 503, message, { retryAfterMs })
}

export function allFull(retryAfterMs: number): UpstreamError {
  const message = 'All model servers for this model are busy. Please try again.'
  return new UpstreamError('overloaded', 'connect', 503, message, { reason: 'overloaded', retryAfterMs })
}

/** No event of an answer within the first-byte limit. */
export function SILENT(cause?: Error): UpstreamError {
  const message = 'The model server did not answer in time.'
  return new UpstreamError('upstream_timeout', 'response', 504, message, { cause })
}

export const STALLED = () =>
  new UpstreamError(
    'upstream_stalled',
    'stream',
    504,
    'The model server stopped before the answer was complete.',
  )

/** RFC 9110 section 15: a status that is no status; its answer is not passed on. */
export const BAD_STATUS = (status: number) =>
  new UpstreamError(
    'upstream_status',
    'response',
    502,
    `The model server answered with the status ${status}.`,
  )
