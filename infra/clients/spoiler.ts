import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A proxy that does to requests or to answers what no gateway may do. */
export interface Spoiler extends AsyncDisposable {
  readonly origin: string
  /** What is spoilt from now on. */
  side: 'requests' | 'answers'
}

/** Same length, so that nothing but the content tells. */
const spoiltAnswer = (chunk: Buffer) =>
  Buffer.from(
    chunk.toString('latin1').replaceAll(/\d/g, digit => String((Number(digit) + 1) % 10)),
    'latin1',
  )
const spoiltRequest = (body: Buffer) =>
  Buffer.from(body.toString('latin1').replaceAll('sky', 'sea').replaceAll('Please', 'Gladly'), 'latin1')

/** Shows that the checks see what they are there to see: through it each of them must fail. */
export async function startSpoiler(target: string): Promise<Spoiler> {
  const spoiler = { side: 'answers' as Spoiler['side'] }
  const server = createServer(async (incoming, reply) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const { host: _host, connection: _connection, ...headers } = incoming.headers
    const outgoing = request(
      `${target}${incoming.url}`,
      { method: incoming.method ?? 'GET', headers },
      answer => {
        reply.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.on('data', (chunk: Buffer) =>
          reply.write(spoiler.side === 'answers' ? spoiltAnswer(chunk) : chunk),
        )
        answer.on('end', () => reply.end())
      },
    )
    outgoing.on('error', () => reply.destroy())
    outgoing.end(spoiler.side === 'requests' ? spoiltRequest(body) : body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(spoiler, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}
