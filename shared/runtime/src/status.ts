import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Where `/health`, `/ready` and `/metrics` are answered without a login: on loopback unless it is told otherwise. */
export interface StatusAddress {
  readonly host: string
  readonly port: number | undefined
}

/** Probes and a scraper. */
const MAX_CONNECTIONS = 64

/** What stands between a service and readiness, or undefined when all is well. */
export type ReadinessCheck = () => string | undefined

export function failing(checks: Readonly<Record<string, ReadinessCheck>>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, check] of Object.entries(checks)) {
    const fault = check()
    if (fault !== undefined) found[name] = fault
  }
  return found
}

/**
 * `/health`, `/ready` and `/metrics` for a service that has no other HTTP face.
 * `warnings` are said in `/ready` and change nothing about it. `port` 0 lets the system choose; undefined starts nothing. What `/ready` says is the gauge `fluxgate_ready` too.
 */
export async function startStatusServer(
  { host, port }: StatusAddress,
  registry: Registry,
  checks: Readonly<Record<string, ReadinessCheck>>,
  warnings: Readonly<Record<string, ReadinessCheck>> = {},
): Promise<AsyncDisposable & { readonly port: number | undefined }> {
  if (port === undefined) return { port: undefined, async [Symbol.asyncDispose]() {} }
  new Gauge({
    name: 'fluxgate_ready',
    help: '1 when the service is ready, 0 when something that it needs is away.',
    registers: [registry],
    collect() {
      this.set(Object.keys(failing(checks)).length === 0 ? 1 : 0)
    },
  })
  const server: Server = createServer((request, reply) => {
    void answer(request.url, reply, registry, checks, warnings)
  })
  boundConnections(server, MAX_CONNECTIONS)
  server.listen(port, host)
  await once(server, 'listening')
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

async function answer(
  url: string | undefined,
  reply: ServerResponse,
  registry: Registry,
  checks: Readonly<Record<string, ReadinessCheck>>,
  warnings: Readonly<Record<string, ReadinessCheck>>,
): Promise<void> {
  if (url === '/metrics') {
    const text = await registry.metrics()
    reply.writeHead(200, { 'content-type': registry.contentType }).end(text)
  } else if (url === '/ready') {
    const missing = failing(checks)
    const ready = Object.keys(missing).length === 0
    reply
      .writeHead(ready ? 200 : 503, { 'content-type': 'application/json' })
      .end(JSON.stringify({ ready, missing, warnings: failing(warnings) }))
  } else {
    reply.writeHead(url === '/health' ? 200 : 404, { 'content-type': 'application/json' })
    reply.end(url === '/health' ? '{"status":"alive"}' : '{"error":"not found"}')
  }
}

/** Connections beyond `max` are closed as they come: each costs memory before anybody has said who they are. */
export function boundConnections(server: Server, max: number): void {
  server.maxConnections = max
}

export { Counter, Gauge, Histogram, type Registry }

/** A registry of its own per process, with the Node.js process metrics in it. */
export function createMetrics(service: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return registry
}
