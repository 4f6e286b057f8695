import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ModelServer extends AsyncDisposable {
  readonly url: string
  /** `<method> <path>` of what reached it since the last `take()`, with each field that no client may get through. */
  take(): string[]
  /** Endless answers that still run. */
  endless(): number
}

/** At the end of the path of a call that is no attack, or one that goes on beside the others: not remembered. */
export const ASIDE = '?aside'
/** A call of a listed route whose answer has no end. */
export const ENDLESS = `/v1/chat/completions?endless${ASIDE}`

/** Fields that attacks write, beside the good call's own. */
const STRANGE = /^(x-(a|b|injected|upper)|te|upgrade|host:.*|.*[^!-9;-~].*|.*:.*|)$/i

function strangeFields(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((name, i) => i % 2 === 0 && STRANGE.test(name)).map(name => `with ${name}`)
}

const PIECE = Buffer.alloc(64 * 1024, 'x')

/** A model server behind the gateway that remembers what it was asked: nothing that was hidden may be among it. */
export async function startModelServer(): Promise<ModelServer> {
  const seen: string[] = []
  let running = 0
  const server = createServer((request, response) => {
    const { method, url = '', rawHeaders } = request
    if (!url.endsWith(ASIDE)) seen.push([`${method} ${url}`, ...strangeFields(rawHeaders)].join(' '))
    if (url === ENDLESS) {
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
