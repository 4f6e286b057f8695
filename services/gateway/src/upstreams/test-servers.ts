import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { routeOf } from '../dialects/routes.ts'
import type { Boundary } from '../http/boundary.ts'
import type { ResponseHeaders } from '../http/index.ts'
import type { UpstreamControl, UpstreamError, UpstreamListener } from './upstream.ts'
import type { UpstreamDefaults } from './upstream-spec.ts'
import type { OpenUpstreams } from './upstreams.http.ts'

export interface FakeServer extends AsyncDisposable {
  readonly url: string
  /** Bodies of the requests that came, in their order. */
  readonly bodies: string[]
  /** Requests that were broken off by the other side. */
  left: number
}

export type Answer = (response: ServerResponse, request: IncomingMessage, body: string, count: number) => void

export const answering =
  (text: string, status = 200, headers: Record<string, string> = {}): Answer =>
  response => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  }

/** An upstream that answers as told. */
export async function fakeServer(answer: Answer): Promise<FakeServer> {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) fake.left++
    })
    let body = ''
    for await (const chunk of request) body += chunk
    bodies.push(body)
    answer(response, request, body, bodies.length)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake: FakeServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    left: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
  return fake
}

/** A server below HTTP: what it does with a connection is told for each. */
export async function tcpServer(onData: (socket: Socket, count: number) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>()
  let count = 0
  const server = createTcpServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => onData(socket, ++count))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies: [],
    left: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

export const DEFAULTS: UpstreamDefaults = {
  connectTimeoutMs: 1_000,
  firstByteTimeoutMs: 5_000,
  idleTimeoutMs: 5_000,
  maxUpstreamConnections: 16,
}

export interface Outcome {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly text: string
  readonly error: UpstreamError | undefined
  readonly attempts: ReadonlyArray<[upstream: string, model: string | undefined]>
}

export interface Call {
  readonly path?: string
  readonly method?: string
  readonly body?: string
  readonly model?: string
  readonly dialect?: 'openai' | 'anthropic' | 'ollama'
  /** By default another one for each call. */
  readonly caller?: string
  /** The body without the option that asks for usage. */
  readonly bodyAsGiven?: string
}

let callers = 0
const PASS_THROUGH: Boundary = { enter: (_step, run, a, b) => run(a, b) }

export interface Sent {
  readonly outcome: Promise<Outcome>
  control: UpstreamControl
  /** Every word of the delivery, in its order: there must be one end. */
  readonly said: string[]
}

/** Sends a call and listens to it to its end. */
export function send(upstreams: OpenUpstreams, call: Call = {}): Sent {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const attempts: Array<[string, string | undefined]> = []
  const chunks: Buffer[] = []
  let status = 0
  let headers: ResponseHeaders = {}
  const end = (error?: UpstreamError) =>
    resolve({ status, headers, text: Buffer.concat(chunks).toString(), error, attempts })
  const sent: Sent = {
    outcome: promise,
    control: { abort() {}, pause() {}, resume() {}, finish() {} },
    said: [],
  }
  const listener: UpstreamListener = {
    onSending(control) {
      sent.control = control
    },
    onAttempt(upstream, model) {
      attempts.push([upstream, model])
    },
    onStart(code, incoming) {
      sent.said.push('start')
      status = code
      headers = incoming
    },
    onData: chunk => void chunks.push(chunk),
    onEnd() {
      sent.said.push('end')
      end()
    },
    onError(error) {
      sent.said.push('error')
      end(error)
    },
  }
  const { model = 'm', method = 'POST', path = '/v1/chat/completions', dialect = 'openai' } = call
  const body = method === 'GET' ? undefined : Buffer.from(call.body ?? JSON.stringify({ model }))
  upstreams.send(
    {
      method,
      path,
      headers: {},
      body,
      bodyAsGiven: call.bodyAsGiven === undefined ? undefined : Buffer.from(call.bodyAsGiven),
      model,
      dialect,
      caller: call.caller ?? `caller-${++callers}`,
      isRepeatable: routeOf(method, path)?.repeatable ?? false,
      boundary: PASS_THROUGH,
    },
    listener,
  )
  return sent
}
