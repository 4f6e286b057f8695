import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { openAdminFront } from './admin-front.http.ts'
import type { Slot } from './workers.process.ts'

const PAGE = '# HELP up Up.\n# TYPE up gauge\nup 1\n'

async function startWorker(name: string, answer: RequestListener): Promise<Slot & Disposable> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    name,
    process: undefined,
    ports: { publicPort: 0, adminPort: (server.address() as AddressInfo).port },
    isAsked: false,
    restarts: 0,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function startFront(...slots: Slot[]) {
  const limits = { requestTimeoutMs: 1_000, askMs: 200 }
  const front = await openAdminFront({ slots }, { host: '127.0.0.1', port: 0 }, limits)
  return {
    ask: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${front.port}${path}`, init),
    [Symbol.asyncDispose]: () => front[Symbol.asyncDispose](),
  }
}

describe('the admin address of several workers', () => {
  it('leaves out a worker whose metrics stop half-way, and lives on', async () => {
    using good = await startWorker('gw-1', (_request, response) => response.end(PAGE))
    using stuck = await startWorker('gw-2', (_request, response) => response.write('# HELP up'))
    await using front = await startFront(good, stuck)
    for (let i = 0; i < 2; i++) {
      const page = await (await front.ask('/metrics')).text()
      assert.match(page, /^up\{worker="gw-1"\} 1$/m)
      assert.doesNotMatch(page, /gw-2"\} 1/)
    }
  })

  it('says 503 and what is missing while a worker is not ready, and warns of one that is down', async () => {
    const unready = JSON.stringify({ ready: false, missing: { log: 'full' }, warnings: { tls: 'old' } })
    using first = await startWorker('gw-1', (_request, response) => response.writeHead(503).end(unready))
    const down: Slot = { name: 'gw-2', process: undefined, ports: undefined, isAsked: false, restarts: 3 }
    await using front = await startFront(first, down)
    const answer = await front.ask('/admin/ready')
    assert.equal(answer.status, 503)
    assert.deepEqual(await answer.json(), {
      ready: false,
      missing: { 'gw-1/log': 'full' },
      warnings: { 'gw-1/tls': 'old', 'gw-2': 'the worker is starting, or does not answer' },
    })
  })

  it('answers 503 where no worker is ready, and where one hangs up', async () => {
    const down: Slot = { name: 'gw-1', process: undefined, ports: undefined, isAsked: false, restarts: 0 }
    await using none = await startFront(down)
    for (const path of ['/metrics', '/admin/ready', '/admin/tiers']) {
      assert.equal((await none.ask(path)).status, 503, path)
    }
    using rude = await startWorker('gw-1', request => request.socket.destroy())
    await using front = await startFront(rude)
    const answer = await front.ask('/admin/keys/generate', { method: 'POST', body: '{}' })
    assert.equal(answer.status, 503)
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'no_worker')
  })

  it('passes a request and its answer as they are, with the name of the worker', async () => {
    using worker = await startWorker('gw-1', async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const { authorization } = request.headers
      response
        .writeHead(201, { 'x-own': 'yes' })
        .end(`${request.method} ${request.url} ${authorization} ${body}`)
    })
    await using front = await startFront(worker)
    const headers = { authorization: 'Bearer t' }
    const answer = await front.ask('/admin/x?y=1', { method: 'PUT', headers, body: 'z'.repeat(70_000) })
    const seen = [answer.status, answer.headers.get('x-own'), answer.headers.get('x-fluxgate-node')]
    assert.deepEqual(seen, [201, 'yes', 'gw-1'])
    assert.equal(await answer.text(), `PUT /admin/x?y=1 Bearer t ${'z'.repeat(70_000)}`)
  })
})
