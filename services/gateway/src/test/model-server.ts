import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const USAGE = { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 }
const PIECES = 3

/** A model server whose streams take some time, or are held after their first piece until the test lets them end. */
export interface TestModelServer extends AsyncDisposable {
  readonly url: string
  /** Streams that wait to be let go. */
  readonly buffered: number
  release(): void
}

/** @param pieceMs pause between the pieces of a stream; absent: streams are held */
export async function startModelServer(pieceMs?: number): Promise<TestModelServer> {
  const buffered = new Set<ServerResponse>()
  const server = createServer(async (request, response) => {
    response.on('error', () => {})
    const body = Buffer.concat(await Array.fromAsync(request)).toString()
    if (!body.includes('"stream":true')) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ choices: [], usage: USAGE }))
      return
    }
    response.setHeader('content-type', 'text/event-stream')
    response.write(piece())
    if (pieceMs === undefined) {
      buffered.add(response)
      return
    }
    for (let i = 1; i < PIECES; i++) {
      await new Promise(resolve => setTimeout(resolve, pieceMs))
      response.write(piece())
    }
    end(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get buffered() {
      return buffered.size
    },
    release() {
      for (const response of buffered) end(response)
      buffered.clear()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`
const piece = () => frame({ choices: [{ index: 0, delta: { content: 'word ' } }] })

function end(response: ServerResponse): void {
  response.end(`${frame({ choices: [], usage: USAGE })}data: [DONE]\n\n`)
}
