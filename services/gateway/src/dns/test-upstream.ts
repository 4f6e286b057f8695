import { once } from 'node:events'
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import * as packet from 'dns-packet'
import { generate } from 'selfsigned'

export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** A certificate for `localhost`, `doh.test`, and the loopback addresses. */
export async function createCertificate(): Promise<Certificate> {
  const altNames = [
    { type: 2 as const, value: 'localhost' },
    { type: 2 as const, value: 'doh.test' },
    { type: 7 as const, ip: '127.0.0.1' },
    { type: 7 as const, ip: '::1' },
  ]
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames },
    ],
  })
  return { key: made.private, cert: made.cert }
}

/** How the fake fails; `answer` is how it does not. */
export type Mode =
  | 'answer'
  | 'silent'
  | 'reset'
  | 'goaway'
  /** The connection ends once, then all is well. */
  | 'goaway-once'
  | 'redirect'
  | 'http-500'
  | 'wrong-type'
  | 'wrong-id'
  | 'wrong-question'
  | 'not-a-response'
  | 'cut-short'
  | 'trailing'
  | 'oversized'
  | 'no-body'

/** Answers a query in wire format, or says nothing at all. */
export type Respond = (query: Buffer) => Buffer | undefined

export interface FakeUpstream extends AsyncDisposable {
  readonly port: number
  /** What came, in wire format. */
  readonly queries: Buffer[]
  readonly protocols: string[]
  mode: Mode
  respond: Respond
  delayMs: number
  /** HTTP `Age` of its responses. */
  ageSeconds: number
  /** Connections accepted so far. */
  readonly connections: number
}

/** Makes a {@link Respond} from records: question in, decoded response out; ID and question are filled in. */
export function zone(
  answer: (question: packet.Question, query: packet.DecodedPacket) => packet.Packet,
): (query: Buffer) => Buffer {
  return query => {
    const decoded = packet.decode(query)
    const question = decoded.questions?.[0] ?? { type: 'A', name: '.' }
    const hasOpt = decoded.additionals?.some(record => record.type === 'OPT') ?? false
    const made = answer(question, decoded)
    return packet.encode({
      type: 'response',
      id: decoded.id,
      questions: [question],
      ...made,
      flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (made.flags ?? 0),
      additionals: [...(made.additionals ?? []), ...(hasOpt && made.additionals === undefined ? [OPT] : [])],
    })
  }
}

const OPT: packet.Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

/** A DoH server that speaks HTTP/2 only (RFC 8484), for tests. */
export async function startFakeUpstream(certificate: Certificate, respond: Respond): Promise<FakeUpstream> {
  let connections = 0
  const server = createSecureServer({ ...certificate, allowHTTP1: false })
  const sessions = new Set<ServerHttp2Session>()
  const fake = {
    port: 0,
    queries: [] as Buffer[],
    protocols: [] as string[],
    mode: 'answer' as Mode,
    respond,
    delayMs: 0,
    ageSeconds: 0,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy()
      await new Promise(done => server.close(done))
    },
  }
  server.on('session', session => {
    connections++
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    fake.protocols.push(stream.session?.alpnProtocol ?? 'none')
    void readQuery(stream, headers).then(query => {
      if (query === undefined) return
      fake.queries.push(query)
      setTimeout(() => reply(stream, query, fake), fake.delayMs)
    })
  })
  await listen(server)
  const bound = server.address()
  fake.port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return fake
}

async function listen(server: Http2SecureServer): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

/** The query of GET or POST (RFC 8484 section 4.1); undefined where the client left before it was there. */
async function readQuery(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<Buffer | undefined> {
  const parameter = new URL(headers[':path'] ?? '/', 'https://doh.test').searchParams.get('dns')
  if (headers[':method'] === 'GET') return Buffer.from(parameter ?? '', 'base64url')
  const chunks: Buffer[] = []
  try {
    for await (const chunk of stream) chunks.push(chunk)
  } catch {
    return undefined
  }
  return Buffer.concat(chunks)
}

function reply(
  stream: ServerHttp2Stream,
  query: Buffer,
  fake: { mode: Mode; respond: Respond; ageSeconds: number },
): void {
  if (stream.destroyed) return
  const { mode } = fake
  if (mode === 'reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  if (mode === 'goaway' || mode === 'goaway-once') stream.session?.destroy()
  if (mode === 'goaway-once') fake.mode = 'answer'
  if (mode === 'silent' || stream.closed || stream.destroyed) return
  const answer = fake.respond(query)
  if (answer === undefined) return
  const type = mode === 'wrong-type' ? 'text/html' : 'application/dns-message'
  const age = fake.ageSeconds > 0 ? { age: String(fake.ageSeconds) } : {}
  const status = mode === 'http-500' ? 500 : mode === 'redirect' ? 307 : 200
  const location = mode === 'redirect' ? { location: 'https://doh.test/elsewhere' } : {}
  stream.respond({ ':status': status, 'content-type': type, ...age, ...location })
  stream.end(mode === 'no-body' ? undefined : spoil(answer, mode))
}

function spoil(answer: Buffer, mode: Mode): Buffer {
  const spoiled = Buffer.from(answer)
  if (mode === 'wrong-id') spoiled.writeUInt16BE(answer.readUInt16BE(0) ^ 0x55_55, 0)
  if (mode === 'wrong-question') spoiled[13] = 0x7a
  if (mode === 'not-a-response') spoiled.writeUInt16BE(answer.readUInt16BE(2) & 0x7f_ff, 2)
  if (mode === 'cut-short') return spoiled.subarray(0, -3)
  if (mode === 'trailing') return Buffer.concat([spoiled, Buffer.alloc(5)])
  return mode === 'oversized' ? Buffer.concat([spoiled, Buffer.alloc(70_000)]) : spoiled
}
