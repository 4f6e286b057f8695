import { NatsError } from 'nats'

/** Codes of JetStream's errors (`err_code`), from nats-server's `errors.json`. */
export const API_ERROR = Object.freeze({
  noSuitablePeers: 10005,
  noMessageFound: 10037,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  wrongLastSequence: 10071,
  /** A limit of the stream, such as its bytes, is reached. */
  storeFailed: 10077,
})

export function isApiError(error: unknown, code: number): boolean {
  return error instanceof NatsError && error.api_error?.err_code === code
}

/** There is no such message. nats-server 2.9 answers some questions without a code. */
export function isNotFound(error: unknown): boolean {
  return isApiError(error, API_ERROR.noMessageFound) || (error as Error).message === 'no message found'
}
