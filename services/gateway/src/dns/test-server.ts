import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { fastify } from 'fastify'
import type { Certificate } from './test-upstream.ts'

/** A Fastify server as the gateway has it: TLS, HTTP/2 and HTTP/1.1 on one port. */
export function createTestServer({ key, cert }: Certificate) {
  return fastify({ http2: true, https: { key, cert, allowHTTP1: true } })
}

export interface TestReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface TestClient extends AsyncDisposable {
  request(headers: OutgoingHttpHeaders, body?: Buffer): Promise<TestReply>
  /** RFC 8484 section 4.1. */
  get(query: Buffer): Promise<TestReply>
  post(query: Buffer): Promise<TestReply>
}

/** An HTTP/2 client of one server that shows everything as it came. */
export function createTestClient(port: number, { cert }: Certificate): TestClient {
  const session: ClientHttp2Session = connect(`https://localhost:${port}`, { ca: cert })
  const request = async (headers: OutgoingHttpHeaders, body?: Buffer): Promise<TestReply> => {
    const stream = session.request({ ':path': '/dns-query', ...headers }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    const [got] = await once(stream, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk)
    const { ':status': status = 0, ...rest } = got
    return { status, headers: rest, body: Buffer.concat(chunks) }
  }
  return {
    request,
    get: query => request({ ':path': `/dns-query?dns=${query.toString('base64url')}` }),
    post: query => request({ ':method': 'POST', 'content-type': 'application/dns-message' }, query),
    async [Symbol.asyncDispose]() {
      session.destroy()
    },
  }
}
