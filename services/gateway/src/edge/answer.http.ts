import { type IncomingMessage, STATUS_CODES } from 'node:http'
import { dialectOf } from '../dialects/index.ts'
import type { RawReply } from '../http/index.ts'
import type { EdgeError } from './request-head.ts'

/** Answers a request that no route saw, in the dialect of its path as far as it has one. */
export function answerError(
  response: Pick<RawReply, 'writeHead' | 'end'>,
  fault: EdgeError,
  url: string,
  close: boolean,
): void {
  const body = bodyOf(fault, url)
  response.writeHead(fault.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...fault.headers,
    // HTTP/2 knows no such header: its stream ends alone.
    ...(close ? { connection: 'close' } : {}),
  })
  response.end(body)
}

/** The same for bytes in which Node found no request. */
export function errorBytes(fault: EdgeError): Buffer {
  const body = bodyOf(fault, '')
  const head = [
    `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status]}`,
    `date: ${new Date().toUTCString()}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${body.length}`,
    'cache-control: no-store',
    'connection: close',
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
}

function bodyOf({ status, code, message }: EdgeError, url: string): Buffer {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  return Buffer.from(dialectOf(url).errorBody(type, code, message, ''))
}

/** True when the client still sends a body that nobody will read. */
export function hasUnreadBody(request: Pick<IncomingMessage, 'complete' | 'headers'>): boolean {
  if (request.complete) return false
  const length = request.headers['content-length']
  return (length !== undefined && length !== '0') || request.headers['transfer-encoding'] !== undefined
}
