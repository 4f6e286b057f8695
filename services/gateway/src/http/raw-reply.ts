import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** Node's own response object, of HTTP/1.1 or HTTP/2: the hot path writes to it without Fastify in between. */
export type RawReply = Pick<
  ServerResponse | Http2ServerResponse,
  'req' | 'headersSent' | 'destroyed' | 'writableEnded' | 'end' | 'destroy'
> & {
  writeHead(status: number, headers: Record<string, string | string[] | number>): unknown
  write(chunk: Buffer): boolean
  once(event: 'drain' | 'close', listener: () => void): unknown
}

/** Headers of a model server's answer; names in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>
