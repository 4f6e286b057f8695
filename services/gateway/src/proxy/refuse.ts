import type { Call } from '../call/index.ts'
import { hasUnreadBody } from '../edge/index.ts'
import { type RawReply, REFUSAL_TERMS, type Refusal, retryHeaders } from '../http/index.ts'

/** Answers a call with an error in its own dialect; returns the status. */
export function answerRefusal(
  reply: RawReply,
  call: Call,
  refusal: Refusal,
  extra: Readonly<Record<string, string>> = {},
): number {
  const { openai, anthropic, ...terms } = REFUSAL_TERMS[refusal.reason]
  const status = refusal.status ?? terms.status
  const type = call.dialect.name === 'anthropic' ? anthropic : openai
  answerError(reply, call, status, type, refusal.code, refusal.message, {
    ...retryHeaders(refusal),
    ...refusal.headers,
    ...extra,
  })
  return status
}

export function answerError(
  reply: RawReply,
  call: Call,
  status: number,
  type: string,
  code: string,
  message: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  if (reply.destroyed || reply.headersSent) return
  const body = Buffer.from(call.dialect.errorBody(type, code, message, call.id))
  reply.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'x-request-id': call.id,
    // Anthropic's clients read the id under this name.
    'request-id': call.id,
    ...(reply.req.httpVersionMajor === 1 && hasUnreadBody(reply.req) ? { connection: 'close' } : {}),
    ...extra,
  })
  reply.end(body)
}
