import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Behaviour } from './behaviour.ts'
import { SIMULATOR_DEFAULTS, type SimulatorConfig } from './config.ts'
import { type Dialect, errorBody } from './dialect.ts'
import { requireModel } from './models.ts'
import { JSON_TYPE } from './openai-chat.ts'
import { behaviourOf, type Call, type Json, RequestFault, readBody } from './request.ts'
import { dialectOf, MODEL_PATH, ROUTES, type Route } from './routes.ts'
import { createStats, type SimulatorStats } from './stats.ts'

/** Longer than the pools of clients keep an idle connection, so that none is closed under a request. */
const KEEP_ALIVE_MS = 120_000
const ID_CHARS = 24
const STOPPED_AT_MS = Date.UTC(2026, 0, 1)

export interface Simulator extends AsyncDisposable {
  /** Origin without a path: what `DOWNSTREAM_AI_URLS` and `OLLAMA_URL` take. */
  readonly url: string
  readonly port: number
  readonly stats: Readonly<SimulatorStats>
}

/**
 * A model server without a model: it speaks the OpenAI, Anthropic and Ollama dialects as the real servers do, says
 * the same for the same prompt, counts tokens truly, and breaks in the ways it is asked to (see `parseDirectives`).
 */
export async function startSimulator(config: Partial<SimulatorConfig> = {}): Promise<Simulator> {
  const settings = { ...SIMULATOR_DEFAULTS, ...config }
  const stats = createStats()
  const server = createServer({ noDelay: true }, (request, reply) => {
    void serve(request, reply, settings, stats)
  })
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.listen(settings.port, settings.host)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : settings.port
  return {
    url: `http://${settings.host}:${port}`,
    port,
    stats,
    async [Symbol.asyncDispose]() {
      const closed = new Promise(done => server.close(done))
      server.closeAllConnections()
      await closed
    },
  }
}

async function serve(
  request: IncomingMessage,
  reply: ServerResponse,
  config: SimulatorConfig,
  stats: SimulatorStats,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://simulator').pathname
  if (path === '/simulator/stats') return sendJson(reply, 200, stats)
  const left = new AbortController()
  reply.on('close', () => left.abort())
  // A connection that breaks is told by 'close'.
  reply.on('error', () => {})
  stats.requests++
  stats.active++
  try {
    await answer(request, reply, path, left.signal, config, stats)
  } catch (error) {
    if (left.signal.aborted) stats.cancelled++
    else {
      stats.failed++
      refuse(reply, dialectOf(path), error)
    }
  } finally {
    stats.active--
  }
}

async function answer(
  request: IncomingMessage,
  reply: ServerResponse,
  path: string,
  signal: AbortSignal,
  config: SimulatorConfig,
  stats: SimulatorStats,
): Promise<void> {
  const body = await readBody(request, config.maxBodyBytes)
  stats.last = { method: request.method ?? '', path, headers: request.headers, body }
  const one = path.startsWith(MODEL_PATH) ? decodeURIComponent(path.slice(MODEL_PATH.length)) : undefined
  const route = ROUTES.get(`${request.method} ${one === undefined ? path : '/v1/models'}`)
  if (!route) throw new RequestFault(404, `Invalid URL (${request.method} ${path})`)
  const named: Json = one === undefined ? body : { model: one }
  const { model, behaviour } = behaviourOf(named, request.headers['x-simulator'], calm(config, route))
  const call = {
    body,
    config,
    exchange: { reply, behaviour, signal, stats },
    model,
    ...(config.repeatable ? stoppedClock(body) : runningClock()),
  }
  throwStatus(behaviour)
  if (route.model) requireModel(call, route.dialect)
  await route.answer(call)
}

type Clock = Pick<Call, 'nowMs' | 'clockNs' | 'newId'>

const runningClock = (): Clock => ({
  nowMs: Date.now(),
  clockNs: () => process.hrtime.bigint(),
  newId: () => randomUUID().replaceAll('-', '').slice(0, ID_CHARS),
})

function stoppedClock(body: Json): Clock {
  let ids = 0
  // A gateway may ask for usage besides: that is no other request.
  const asked = JSON.stringify({ ...body, stream_options: undefined })
  const hash = (n: number) => createHash('sha256').update(`${n} ${asked}`).digest('hex')
  return { nowMs: STOPPED_AT_MS, clockNs: () => 0n, newId: () => hash(ids++).slice(0, ID_CHARS) }
}

/** What needs no model answers at once. */
function calm(config: SimulatorConfig, route: Route): SimulatorConfig {
  return route.model ? config : { ...config, latencyMs: 0 }
}

function throwStatus({ fault }: Behaviour): void {
  if (fault?.kind !== 'status') return
  const { status, retryAfterSeconds } = fault
  throw new RequestFault(status, `simulated status ${status}`, { reason: 'simulated', retryAfterSeconds })
}

function refuse(reply: ServerResponse, dialect: Dialect, error: unknown): void {
  if (reply.headersSent) {
    reply.destroy()
    return
  }
  const fault = error instanceof RequestFault ? error : new RequestFault(500, (error as Error).message)
  if (fault.retryAfterSeconds !== undefined) reply.setHeader('retry-after', fault.retryAfterSeconds)
  sendJson(reply, fault.status, errorBody(dialect, fault))
}

function sendJson(reply: ServerResponse, status: number, value: unknown): void {
  reply.writeHead(status, { 'content-type': JSON_TYPE }).end(JSON.stringify(value))
}
