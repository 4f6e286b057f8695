import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'
import { boundConnections } from '@fluxgate/runtime'
import { mergeMetrics } from './merged-metrics.ts'
import type { Slot, Workers } from './workers.process.ts'

/** Operators' tools, the dashboard and a scraper. */
const MAX_CONNECTIONS = 512
const NO_WORKER = {
  code: 'no_worker',
  message: 'No worker is ready. Please try again in a moment.',
  type: 'server_error',
}

export interface AdminFrontLimits {
  /** To send a request. */
  readonly requestTimeoutMs: number
  /** For a worker to answer what every worker is asked. */
  readonly askMs: number
}

/**
 * The one admin address of several workers. `/metrics` has the series of each, `/admin/ready` says what all need, and the
 * rest is answered by the first worker that is ready: orders reach the others over NATS. Each worker checks tokens itself.
 */
export async function openAdminFront(
  workers: Pick<Workers, 'slots'>,
  address: { readonly host: string; readonly port: number },
  limits: AdminFrontLimits,
): Promise<AsyncDisposable & { readonly port: number }> {
  // Node ends no slow request while heads have longer than requests.
  const { requestTimeoutMs, askMs } = limits
  const timeouts = { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs }
  const server = createServer(timeouts, (incoming, reply) => {
    const path = incoming.url?.split('?')[0]
    const isRead = incoming.method === 'GET' || incoming.method === 'HEAD'
    const answered =
      isRead && path === '/metrics'
        ? sendMetrics(workers, askMs, incoming, reply)
        : isRead && path === '/admin/ready'
          ? sendReadiness(workers, askMs, reply)
          : pass(workers, incoming, reply)
    answered.catch(() => sendNoWorker(reply))
  })
  boundConnections(server, MAX_CONNECTIONS)
  server.listen(address.port, address.host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

const readyOnes = ({ slots }: Pick<Workers, 'slots'>) => slots.filter(({ ports }) => ports !== undefined)

async function pass(
  workers: Pick<Workers, 'slots'>,
  incoming: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const [slot] = readyOnes(workers)
  if (!slot) return sendNoWorker(reply)
  const { method, url, headers } = incoming
  const asked = request({ host: '127.0.0.1', port: slot.ports!.adminPort, method, path: url, headers })
  // A client that leaves ends the question; an error of either side ends both.
  pipeline(incoming, asked, () => {})
  reply.once('close', () => asked.destroy())
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  reply.writeHead(answer.statusCode!, { ...answer.headers, 'x-fluxgate-node': slot.name })
  pipeline(answer, reply, () => {})
}

async function sendMetrics(
  workers: Pick<Workers, 'slots'>,
  askMs: number,
  incoming: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const { authorization } = incoming.headers
  const slots = readyOnes(workers)
  if (slots.length === 0) return sendNoWorker(reply)
  const headers = authorization === undefined ? {} : { authorization }
  const answers = await Promise.allSettled(slots.map(slot => ask(slot, '/metrics', askMs, headers)))
  const pages = answers.flatMap((answer, i) =>
    answer.status === 'fulfilled' ? [{ worker: slots[i]!.name, ...answer.value }] : [],
  )
  const refused = pages.find(({ status }) => status !== 200)
  if (refused) {
    reply.writeHead(refused.status, { 'content-type': 'application/json', 'www-authenticate': 'Bearer' })
    reply.end(refused.text)
    return
  }
  reply.writeHead(200, {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
  })
  reply.end(mergeMetrics(pages) + ownMetrics(workers))
}

function ownMetrics({ slots }: Pick<Workers, 'slots'>): string {
  const ready = slots.filter(({ ports }) => ports !== undefined).length
  const restarts = slots.map(
    ({ name, restarts }) => `fluxgate_worker_restarts_total{service="gateway",worker="${name}"} ${restarts}`,
  )
  return [
    '# HELP fluxgate_workers Workers by whether they serve.',
    '# TYPE fluxgate_workers gauge',
    `fluxgate_workers{service="gateway",state="ready"} ${ready}`,
    `fluxgate_workers{service="gateway",state="down"} ${slots.length - ready}`,
    '# HELP fluxgate_worker_restarts_total Times a worker was started again.',
    '# TYPE fluxgate_worker_restarts_total counter',
    ...restarts,
    '',
  ].join('\n')
}

interface Readiness {
  readonly missing: Readonly<Record<string, string>>
  readonly warnings?: Readonly<Record<string, string>>
}

/** A worker that is down or restarts gets no connections: that is a warning while another serves. */
async function sendReadiness(
  workers: Pick<Workers, 'slots'>,
  askMs: number,
  reply: ServerResponse,
): Promise<void> {
  const missing: Record<string, string> = {}
  const warnings: Record<string, string> = {}
  const answers = await Promise.allSettled(workers.slots.map(slot => ask(slot, '/admin/ready', askMs)))
  let serving = 0
  for (const [i, answer] of answers.entries()) {
    const { name, isAsked } = workers.slots[i]!
    if (answer.status === 'rejected' || isAsked) {
      warnings[name] = isAsked ? 'the worker is restarting' : 'the worker is starting, or does not answer'
      continue
    }
    serving++
    const said = JSON.parse(answer.value.text) as Readiness
    for (const [part, why] of Object.entries(said.missing)) missing[`${name}/${part}`] = why
    for (const [part, why] of Object.entries(said.warnings ?? {})) warnings[`${name}/${part}`] = why
  }
  if (serving === 0) missing.workers = NO_WORKER.message
  const ready = Object.keys(missing).length === 0
  const body = Object.keys(warnings).length > 0 ? { ready, missing, warnings } : { ready, missing }
  reply.writeHead(ready ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  reply.end(JSON.stringify(body))
}

async function ask(
  { name, ports }: Slot,
  path: string,
  limitMs: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  if (!ports) throw new Error(`${name} is not ready`)
  const signal = AbortSignal.timeout(limitMs)
  const asked = request({ host: '127.0.0.1', port: ports.adminPort, path, headers, signal }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: answer.statusCode!, text: await text(answer) }
}

function sendNoWorker(reply: ServerResponse): void {
  if (reply.headersSent) {
    reply.destroy()
    return
  }
  reply.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' })
  reply.end(JSON.stringify({ error: NO_WORKER }))
}
