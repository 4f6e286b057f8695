import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type EventName,
  eventMaker,
  type FluxgateEvent,
  Prices,
  parseEvent,
  SharedRoom,
  type Throttle,
} from '@fluxgate/contracts'
import { readConfig, SlotList } from '@fluxgate/runtime'
import { SESSION_KEYS } from '@fluxgate/testing'
import { BudgetTable } from '../budgets/budget-table.ts'
import { passedHeaders } from '../call/passed-headers.ts'
import { openRefusalLog } from '../call/refusal-log.timer.ts'
import { AcceptedKeys } from '../callers/accepted-keys.ts'
import { readGatewayConfig } from '../config.ts'
import type { CountTokens } from '../dialects/count.ts'
import { routesOf } from '../dialects/routes.ts'
import { Bodies } from '../edge/bodies.http.ts'
import { clientAddress } from '../edge/client-address.ts'
import { createEdge, type Edge } from '../edge/edge.http.ts'
import type { OpenRequests } from '../edge/open-requests.ts'
import type { Handler } from '../edge/request-filter.http.ts'
import type { RawReply } from '../http/raw-reply.ts'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import { LimitTable } from '../limits/limit-table.ts'
import type { UpstreamDefaults } from '../upstreams/upstream-spec.ts'
import { type OpenUpstreams, openUpstreams } from '../upstreams/upstreams.http.ts'
import type { Exchange, ExchangeDeps } from './exchange.http.ts'
import { proxyOf, refuseUnknown } from './proxy.http.ts'
import type { ProxyDeps } from './proxy-deps.ts'

export type Upstream = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** The proxy on a real port before a real upstream server, with the appended events in a list. */
export interface TestEnv extends AsyncDisposable {
  readonly url: string
  readonly events: FluxgateEvent[]
  readonly throttles: Map<string, Throttle>
  readonly running: SlotList<Exchange>
  readonly deps: ProxyDeps
  readonly requests: OpenRequests
  /** What readers of answers hold together. */
  readonly room: SharedRoom
  readonly upstreams: OpenUpstreams
  named<N extends EventName>(name: N): Array<Extract<FluxgateEvent, { type: `fluxgate.${N}` }>>
}

const { limits: LIMITS } = readConfig(
  {
    NATS_URL: 'nats://localhost:1',
    DATABASE_URL: 'postgres://localhost:1/none',
    ADMIN_TOKEN: 'a token of the tests',
    SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
  },
  readGatewayConfig,
)

export const KEY = 'good-key'
const ACCEPTED: KeyAnswer = {
  kind: 'accepted',
  caller: { identity: { user: 'u1', key: 'k1' }, identityText: 'u1.k1', tier: 'free' },
}
const ANSWERS = new Map<string, KeyAnswer | Promise<KeyAnswer>>([
  [KEY, ACCEPTED],
  ['slow-key', Promise.resolve(ACCEPTED)],
  ['revoked-key', { kind: 'rejected', reason: 'revoked' }],
  ['no-database', { kind: 'unavailable' }],
])

export interface TestEnvOptions extends Partial<Omit<ProxyDeps, 'exchange'>> {
  readonly count?: CountTokens
  /** Hears of each event before it is appended, and may throw. */
  readonly beforeAppend?: (type: string) => void
  readonly defaults?: Partial<UpstreamDefaults>
  readonly exchange?: Partial<ExchangeDeps>
}

const UPSTREAM_DEFAULTS: UpstreamDefaults = {
  connectTimeoutMs: 500,
  firstByteTimeoutMs: 1_500,
  idleTimeoutMs: 1_500,
  maxUpstreamConnections: 512,
}
const BODY_LIMITS = {
  maxBodyBytes: 100_000,
  maxBodiesBytes: 10_000_000,
  streamWindowBytes: 65_536,
  requestTimeoutMs: 10_000,
  checkEveryMs: 1_000,
}

const SOURCE = '/gateway/test/1'
const FIXED = {
  estimates: { defaultCompletionTokens: 100, maxCompletionTokens: 1_000 },
  routes: routesOf(),
  passedHeaders: passedHeaders(),
  overloaded: () => false,
  logFull: () => false,
  epochMs: Date.now,
  addressOf: clientAddress(() => false),
  onReserved() {},
  onRefused() {},
}
const throwIt = (error: unknown): never => {
  throw error
}

export async function startTestEnv(
  upstream: Upstream,
  options: TestEnvOptions = {},
  makeEdge: (calls: Handler, bodies: Bodies) => Pick<Edge, 'app' | 'requests'> = (calls, bodies) =>
    createEdge({ limits: LIMITS, calls, bodies, routes: routesOf() }),
): Promise<TestEnv> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startUpstream(upstream))
  const upstreams = stack.use(
    await openUpstreams({
      urls: [`${server.url}/base`],
      file: undefined,
      defaults: { ...UPSTREAM_DEFAULTS, ...options.defaults },
    }),
  )
  const events: FluxgateEvent[] = []
  const throttles = new Map<string, Throttle>()
  const room = new SharedRoom(10_000_000)
  const deps = openDeps(stack, upstreams, events, throttles, room, options)
  const { app, requests } = makeEdge(proxyOf(deps), deps.bodies)
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    refuseUnknown(deps, request.raw, reply.raw as RawReply)
  })
  stack.defer(async () => {
    app.server.closeAllConnections?.()
    await app.close()
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const owned = stack.move()
  return {
    url,
    events,
    throttles,
    running: deps.running,
    deps,
    requests,
    room,
    upstreams,
    named: <N extends EventName>(name: N) =>
      events.filter(
        (event): event is Extract<FluxgateEvent, { type: `fluxgate.${N}` }> =>
          event.type === `fluxgate.${name}`,
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function openDeps(
  stack: AsyncDisposableStack,
  upstreams: OpenUpstreams,
  events: FluxgateEvent[],
  throttles: Map<string, Throttle>,
  room: SharedRoom,
  { count, beforeAppend, defaults, exchange, ...overrides }: TestEnvOptions,
): ProxyDeps {
  let ids = 0
  const newId = (prefix: string) => `${prefix}${String(++ids).padStart(12, '0')}`
  const append = appendTo(events, beforeAppend)
  const make = eventMaker(SOURCE, () => newId('event-'), Date.now)
  const nowMs = () => performance.now()
  const onError = overrides.onError ?? throwIt
  const running = new SlotList<Exchange>()
  const limits = new LimitTable()
  const budgets = new BudgetTable({ maxBudgetHolders: 1_000, maxBudgetHolds: 1_000, budgetLoadingMs: 60_000 })
  const logFull = () => overrides.logFull?.() ?? false
  const refusalLog = stack.use(
    openRefusalLog({
      append,
      make,
      source: SOURCE,
      newId: () => newId('event-'),
      logFull,
      nowMs,
      epochMs: Date.now,
    }),
  )
  const exchangeDeps: ExchangeDeps = {
    append,
    committed: callback => setImmediate(callback),
    make,
    nowMs,
    count: count ?? ((_ask, done) => done(undefined)),
    bufferBudget: { room, maxCountedBytes: 100_000 },
    correct(call, used) {
      limits.settle(call.identityText, call.tier, used.total - call.reserved, call.stream, nowMs())
      budgets.settle(call.id, { tokens: used.total, micros: used.costMicros ?? 0 }, Date.now())
    },
    onEnd: ended => running.remove(ended.slot),
    onError,
    ...exchange,
  }
  return {
    exchange: exchangeDeps,
    upstreams,
    lookupKey: key => ANSWERS.get(key) ?? { kind: 'rejected', reason: 'unknown' },
    throttleOf: identity => throttles.get(identity),
    limits,
    budgets,
    prices: new Prices(),
    accepted: new AcceptedKeys(60_000),
    bodies: stack.use(new Bodies(BODY_LIMITS)),
    refusals: refusalLog.refusals,
    append,
    make,
    newRequestId: () => newId('req_'),
    nowMs,
    onError,
    running,
    ...FIXED,
    ...overrides,
  }
}

async function startUpstream(answer: Upstream): Promise<{ readonly url: string } & Disposable> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    answer(request, response, body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Into a list. What the gateway appends must be readable by everybody else. */
function appendTo(events: FluxgateEvent[], beforeAppend?: (type: string) => void): ProxyDeps['append'] {
  return ({ event }) => {
    beforeAppend?.(event.type)
    const parsed = parseEvent(Buffer.from(JSON.stringify(event)))
    if (!parsed.ok) throw new Error(`${event.type}: ${parsed.reason}`)
    events.push(parsed.value)
  }
}

export const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
export const CHAT = '/v1/chat/completions'

export const unary: Upstream = (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ choices: [{ message: { content: 'hi' } }], usage: USAGE }))
}

interface Body {
  readonly error: { readonly code: string; readonly message: string }
  readonly usage: unknown
}
export const bodyOf = (response: Response) => response.json() as Promise<Body>

export function post(
  env: TestEnv,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) {
  return fetch(env.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
}
