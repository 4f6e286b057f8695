import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ModelServer extends AsyncDisposable {
  readonly url: string
  /** `<method> <path>` of what reached it since the last `take()`. */
  take(): string[]
  /** Endless answers that still run. */
  endless(): number
}

const PIECE = Buffer.alloc(64 * 1024, 'x')

/** A model server behind the gateway that remembers what it was asked: nothing that was hidden may be among it. */
export async function startModelServer(): Promise<ModelServer> {
  const seen: string[] = []
  let running = 0
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    if (request.url === '/v1/endless') {
      running++
      response.on('close', () => running--).on('error', () => {})
      const more = () => {
        while (response.write(PIECE));
      }
      response.on('drain', more)
      more()
      return
    }
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end('{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":10,"total_tokens":20}}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => seen.splice(0),
    endless: () => running,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}
