import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { eventually } from '@fluxgate/testing'
import type { CountTokens } from '../dialects/count.ts'
import { STEPS, type Step } from '../http/boundary.ts'
import type { UpstreamDefaults } from '../upstreams/upstream-spec.ts'
import {
  CHAT,
  KEY,
  startTestEnv,
  type TestEnv,
  type TestEnvOptions,
  type Upstream,
  unary,
} from './test-proxy.ts'

const FRAME = 'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
const SSE = { 'content-type': 'text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }
const ANSWER = JSON.stringify({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })

/** How a step is reached. */
interface Scenario {
  readonly upstream: Upstream
  readonly path?: string
  readonly body?: object
  readonly key?: string
  readonly count?: CountTokens
  readonly defaults?: Partial<UpstreamDefaults>
  /** Requests at one time; one unless said. */
  readonly requests?: number
  /** Once an answer has begun. */
  readonly during?: (env: TestEnv, leave: () => void) => void
}

const stream: Upstream = (_request, response) => {
  response.writeHead(200, SSE)
  const writing = setInterval(() => response.write(FRAME), 5)
  response.on('close', () => clearInterval(writing))
}
const gzipped =
  (bytes: Buffer): Upstream =>
  (_request, response) =>
    response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end(bytes)
const failing = (first: Upstream): Upstream => {
  let count = 0
  return (request, response, body) => (++count === 1 ? first : unary)(request, response, body)
}
const slow: Upstream = (request, response, body) => void setTimeout(() => unary(request, response, body), 50)

/** A step without a scenario does not compile. */
const scenarios = (): Readonly<Record<Step, Scenario>> => ({
  received: { upstream: unary },
  key_found: { upstream: unary, key: 'slow-key' },
  body_read: { upstream: unary },
  reserved: { upstream: unary },
  models_listed: {
    upstream: (_request, response) => response.end('{"data":[]}'),
    path: '/v1/models',
  },
  upstream_start: { upstream: unary },
  upstream_head: { upstream: unary },
  upstream_data: { upstream: unary },
  upstream_end: { upstream: (_request, response) => response.writeHead(200, JSON_TYPE).end() },
  upstream_error: { upstream: failing((_request, response) => response.destroy()) },
  upstream_silent: {
    upstream: failing((_request, response) => response.writeHead(200, SSE).flushHeaders()),
    defaults: { firstByteTimeoutMs: 200 },
  },
  retry: { upstream: failing((_request, response) => response.writeHead(503).end('{}')) },
  queue: { upstream: slow, defaults: { maxUpstreamConnections: 1 }, requests: 2 },
  decoded_data: { upstream: gzipped(gzipSync(ANSWER)) },
  decoded_end: { upstream: gzipped(gzipSync('')) },
  decode_error: { upstream: gzipped(Buffer.from('this is no gzip at all')) },
  decoder_drained: { upstream: gzipped(gzipSync(randomBytes(2_000_000))) },
  last_wait: {
    upstream: (_request, response) => response.writeHead(200, SSE).write(`${FRAME}data: [DONE]\n\n`),
    body: { stream: true },
  },
  counted: {
    upstream: (_request, response) => response.writeHead(200, JSON_TYPE).end('{"choices":[]}'),
    count: (_ask, done) => setImmediate(() => done(undefined)),
  },
  committed: { upstream: unary },
  client_drained: {
    upstream: (_request, response) =>
      response.writeHead(200, { 'content-type': 'audio/mpeg' }).end(Buffer.alloc(20_000_000)),
  },
  client_gone: { upstream: stream, body: { stream: true }, during: (_env, leave) => leave() },
  interrupted: {
    upstream: stream,
    body: { stream: true },
    during: env => {
      for (const exchange of env.running) exchange.interrupt('throttle', 'throttled')
    },
  },
})

/** One client: whatever comes, its answer ends. */
async function ask(env: TestEnv, { path = CHAT, body = {}, key = KEY, during }: Scenario): Promise<number> {
  const leave = new AbortController()
  const isGet = path === '/v1/models'
  try {
    const response = await fetch(env.url + path, {
      method: isGet ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${key}`, ...JSON_TYPE },
      ...(isGet ? {} : { body: JSON.stringify({ model: 'm', ...body }) }),
      signal: AbortSignal.any([leave.signal, AbortSignal.timeout(20_000)]),
    })
    const reader = response.body!.getReader()
    const first = await reader.read()
    if (!first.done) during?.(env, () => leave.abort())
    while (!(await reader.read()).done);
    return response.status
  } catch (error) {
    assert.notEqual((error as Error).name, 'TimeoutError', 'the answer does not end')
    return 0
  }
}

function idsOf(env: TestEnv, ...names: string[]): string[] {
  return env.events
    .filter(event => names.some(name => event.type === `fluxgate.${name}`))
    .map(event => (event.data as { request: string }).request)
    .toSorted()
}

/** Slots, budgets, streams, memory and events, when all is over. */
async function assertReleased(env: TestEnv): Promise<void> {
  await eventually(() => {
    const { running, deps } = env
    const { upstreams, waiting } = env.upstreams.report()
    assert.deepEqual(
      {
        running: running.size,
        inFlight: upstreams[0]!.inFlight,
        waiting,
        bodyBytes: deps.bodies.bufferedBytes,
        openRequests: env.requests.size,
        received: env.room.bytes,
      },
      { running: 0, inFlight: 0, waiting: 0, bodyBytes: 0, openRequests: 0, received: 0 },
    )
  })
  const admitted = idsOf(env, 'requests.admitted')
  const endings = idsOf(env, 'requests.completed', 'requests.failed', 'requests.interrupted')
  assert.deepEqual(endings, admitted, 'one ending for each admitted request')
  assert.deepEqual(idsOf(env, 'tokens.settled'), admitted, 'one settlement for each admitted request')
  const used = env.named('tokens.settled').reduce((sum, { data }) => sum + data.total, 0)
  const standing = env.deps.budgets.ledgers()[0]?.standing('u1.k1', Date.now())
  // What was used stays held until the log says so.
  const counted = standing ? standing.held.tokens + standing.used.tokens : used
  assert.equal(counted, used, 'the budget counts what was used, and no reservation')
  const left = env.deps.limits.tokensLeft(performance.now())['u1.k1'] ?? CAPACITY
  assert.ok(left >= CAPACITY - used, `${left} tokens left of ${CAPACITY}, ${used} used`)
}

/** A budget that has read a log in which nothing was used, so that every call holds a part of it. */
function putBudget({ deps: { budgets } }: TestEnv): void {
  const budget = { name: 'daily', each: 'key', period: 'day', tokens: 100_000, action: 'refuse' } as const
  for (const ledger of budgets.setBudgets([budget], Date.now())) ledger.reading = budgets.main
  budgets.markLoaded(budgets.main)
}

const CAPACITY = 5_000

/** With one stream at once for its caller, so that a stream that is not given back shows. */
async function assertServes(env: TestEnv): Promise<void> {
  const free = { capacity: CAPACITY, refillRate: 100, requestsPerMinute: 10_000, concurrentStreams: 1 }
  env.deps.limits.setPolicy({ tiers: { free }, identities: {} }, performance.now())
  const status = await ask(env, {
    upstream: stream,
    body: { stream: true },
    during: (_env, leave) => leave(),
  })
  assert.ok(status === 0 || status === 200, `the next stream is answered ${status}`)
  await eventually(() => assert.equal(env.running.size, 0))
}

describe('a throw', () => {
  for (const step of STEPS) {
    for (const at of ['begin', 'end'] as const) {
      it(`at the ${at} of ${step} ends that request alone and releases what it holds`, async () => {
        const faults: unknown[] = []
        let left = 1
        const scenario = scenarios()[step]
        const options: TestEnvOptions = {
          onError: error => faults.push(error),
          probe(reached, where) {
            if (reached !== step || where !== at || left === 0) return
            left = 0
            throw new Error(`thrown at the ${at} of ${step}`)
          },
          ...(scenario.count ? { count: scenario.count } : {}),
          ...(scenario.defaults ? { defaults: scenario.defaults } : {}),
        }
        await using env = await startTestEnv(scenario.upstream, options)
        putBudget(env)
        const { requests = 1 } = scenario
        await Promise.all(Array.from({ length: requests }, () => ask(env, scenario)))
        await eventually(() => assert.equal(left, 0, `${step} is never reached`))
        await assertReleased(env)
        assert.equal(faults.length, 1, String(faults))
        if (step === 'received' || step === 'body_read') {
          assert.deepEqual(idsOf(env, 'requests.admitted').length, at === 'begin' ? 0 : 1)
        }
        await assertServes(env)
      })
    }
  }
})

describe('a request whose part throws', () => {
  const part = (name: string, options: (fail: () => void) => TestEnvOptions, upstream = unary) => {
    it(`in ${name} has one ending and one settlement, and releases what it holds`, async () => {
      const faults: unknown[] = []
      let left = 1
      const fail = (): void => {
        if (left === 0) return
        left = 0
        throw new Error(`thrown in ${name}`)
      }
      await using env = await startTestEnv(upstream, {
        onError: error => faults.push(error),
        ...options(fail),
      })
      const status = await ask(env, { upstream })
      assert.equal(left, 0, 'it is never reached')
      await assertReleased(env)
      assert.ok(status === 500 || idsOf(env, 'requests.completed').length === 1, `${status}`)
      assert.ok(faults.length >= 1)
      assert.equal(await ask(env, { upstream: unary }), 200)
    })
  }
  part('the look-up of its key', fail => ({
    lookupKey: () => {
      fail()
      return ACCEPTED
    },
  }))
  part(
    'the count of its tokens',
    fail => ({
      count: (_ask, done) => {
        fail()
        done(undefined)
      },
    }),
    scenarios().counted.upstream,
  )
  part('the metrics of its admission', fail => ({ onReserved: fail }))
})

const ACCEPTED = {
  kind: 'accepted',
  caller: { identity: { user: 'u1', key: 'k1' }, identityText: 'u1.k1', tier: 'free' },
} as const

describe('a request whose event cannot be written', () => {
  for (const name of ['requests.admitted', 'requests.completed', 'tokens.settled', 'auth.key_accepted']) {
    it(`${name} releases what it holds and has at most one ending and one settlement`, async () => {
      const faults: unknown[] = []
      let left = 1
      await using env = await startTestEnv(unary, {
        onError: error => faults.push(error),
        beforeAppend: type => {
          if (type !== `fluxgate.${name}` || left === 0) return
          left = 0
          throw new Error(`no room for ${type}`)
        },
      })
      const status = await ask(env, { upstream: unary })
      assert.ok(status === 500 || status === 0, `${status}`)
      await assertReleased(env)
      assert.equal(faults.length, 1, String(faults))
      assert.equal(await ask(env, { upstream: unary }), 200)
    })
  }
})
