import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { quantile } from './harness/line.ts'
import type { GatewayProcess } from './proxy/gateway-process.ts'
import { startTestEnv } from './proxy/test-env.ts'

/**
 * Revocation, `npm run fluxgate -- bench:revocation [--runs 200 --nodes 3 --callers 4 --json]`: gateway processes on one
 * nats-server and one Postgres; each node is called again and again with one key, which it has in its cache, until the
 * administrator revokes the key at the first node; further callers with another key keep every node busy meanwhile.
 * Measured from the order's answer, when the key is revoked, to the first refusal that has come from the last node, and
 * from the order's sending, which holds the order's own work too; both hold a call and the pause before it, so that they
 * are upper bounds. An answer that is neither right before nor after, or a call let through after a refusal at the same
 * node, is an error.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    nodes: { type: 'string', default: '3' },
    callers: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
})
const RUNS = Number(values.runs)
const NODES = Number(values.nodes)
const CALLERS = Number(values.callers)
const PROMISE_MS = 50
const PAUSE_MS = 4
const WARM_CALLS = 5
const CALLS_AFTER = 5
const RUN_LIMIT_MS = 5_000

interface Node {
  readonly api: Pool
  readonly gateway: GatewayProcess
}

interface Watched {
  /** When the first refusal had come, by the clock of `performance.now()`. */
  readonly refusedAtMs: number
  readonly errors: number
}

await using stack = new AsyncDisposableStack()
const nodes = await startNodes()
const stopLoad = new AbortController()
let served = 0
const load = Promise.all(nodes.flatMap(node => Array.from({ length: CALLERS }, () => ordinary(node))))
const fromOrder: number[] = []
const fromAnswer: number[] = []
let errors = 0
for (let run = 0; run < RUNS; run++) {
  const { key, id } = await newKey(`bench-${run}`)
  const watches = await Promise.all(nodes.map(({ api }) => watch(api, key)))
  const orderedMs = performance.now()
  const answer = await order('DELETE', `/admin/keys/${id}`)
  const answeredMs = performance.now()
  if (answer.status !== 204) throw new Error(`the order was answered with ${answer.status}`)
  const watched = await Promise.all(watches.map(each => each.refused))
  const lastMs = Math.max(...watched.map(({ refusedAtMs }) => refusedAtMs))
  fromOrder.push(lastMs - orderedMs)
  fromAnswer.push(Math.max(0, lastMs - answeredMs))
  errors += watched.reduce((sum, each) => sum + each.errors, 0)
}
stopLoad.abort()
await load
if (values.json) console.log(JSON.stringify({ fromOrderMs: fromOrder, fromAnswerMs: fromAnswer, errors }))
else {
  const how = `one call after another at each node, ${PAUSE_MS} ms between two`
  console.log(`${NODES} gateway processes, ${RUNS} keys, ${how}; ${served} other calls meanwhile`)
  report('order sent → refused at every node', fromOrder)
  report('order answered → refused at every node', fromAnswer)
  console.log(`errors: ${errors}`)
  const retained = quantile(fromAnswer, 0.99) <= PROMISE_MS && errors === 0
  console.log(`promise (p99 ≤ ${PROMISE_MS} ms from the answer, no errors): ${retained ? 'kept' : 'BROKEN'}`)
  if (!retained) process.exitCode = 1
}

/** Calls with the key until it is refused, and some times more. Resolves when the node has it in its cache. */
async function watch(api: Pool, key: string): Promise<{ readonly refused: Promise<Watched> }> {
  for (let calls = 0; calls < WARM_CALLS; calls++) {
    const status = await call(api, key)
    if (status !== 200) throw new Error(`a good key was answered with ${status}`)
  }
  return { refused: callUntilRefused(api, key) }
}

async function callUntilRefused(api: Pool, key: string): Promise<Watched> {
  const startedMs = performance.now()
  let refusedAtMs: number | undefined
  let errors = 0
  for (let after = 0; after < CALLS_AFTER; ) {
    const status = await call(api, key)
    const nowMs = performance.now()
    if (status === 401) {
      refusedAtMs ??= nowMs
      after++
    } else if (status !== 200 || refusedAtMs !== undefined) errors++
    if (nowMs - startedMs > RUN_LIMIT_MS) throw new Error('a revoked key was not refused')
    await sleep(PAUSE_MS)
  }
  return { refusedAtMs: refusedAtMs!, errors }
}

async function call(api: Pool, key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` }
  const { statusCode, body } = await api.request({ method: 'GET', path: '/v1/models', headers })
  await body.dump()
  return statusCode
}

/** Calls on and on with a key that nobody revokes. */
async function ordinary({ gateway }: Node): Promise<void> {
  const api = new Pool(`http://127.0.0.1:${gateway.port}`, { connections: 1, pipelining: 1 })
  while (!stopLoad.signal.aborted) {
    if ((await call(api, gateway.key)) === 200) served++
    else errors++
    await sleep(PAUSE_MS)
  }
  await api.close()
}

async function newKey(user: string): Promise<{ key: string; id: string }> {
  const answer = await order('POST', '/admin/keys/generate', { user_id: user, tier: 'pro' })
  return (await answer.json()) as { key: string; id: string }
}

function order(method: string, path: string, body?: object): Promise<Response> {
  return nodes[0]!.gateway.order(method, path, body)
}

async function startNodes(): Promise<readonly Node[]> {
  const env = stack.use(await startTestEnv())
  const upstream = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"object":"list","data":[{"id":"bench","object":"model"}]}')
  }).listen(0, '127.0.0.1')
  stack.defer(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  await once(upstream, 'listening')
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const started: Node[] = []
  for (let node = 0; node < NODES; node++) {
    const gateway = await env.gateway(origin)
    const api = new Pool(`http://127.0.0.1:${gateway.port}`, { connections: 1, pipelining: 1 })
    stack.defer(() => api.destroy())
    started.push({ api, gateway })
  }
  return started
}

function report(what: string, values: readonly number[]): void {
  const [p50, p99, worst] = [0.5, 0.99, 1].map(share => quantile(values, share).toFixed(2))
  console.log(`${what}: p50 ${p50} ms, p99 ${p99} ms, worst ${worst} ms, n ${values.length}`)
}
