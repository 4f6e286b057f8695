import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { STREAMS } from '@fluxgate/contracts'
import { connectNats, replay } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  freePort,
  type NatsServer,
  SESSION_KEYS,
  testNats,
  testPostgres,
} from '@fluxgate/testing'
import { ServiceProcess } from '../../chaos/src/service-process.ts'
import { startSimulator } from '../../local/src/simulator/simulator.ts'
import { Balancer } from './balancer.ts'

const ADMIN_TOKEN = 'admin-token-of-the-restart'
const NODES = ['left', 'right'] as const
const PLAIN_CALLERS = 3
const STREAM_CALLERS = 4
const PAUSE_MS = 50
/** A stream of a second and a half: longer than the drain's delay, so that it ends after its node accepts no more. */
const STREAM_TOKENS = 30
const TOKENS_PER_SECOND = 20
const log = createLog('operate', 'silent')

let stack: AsyncDisposableStack
let nats: NatsServer
let adminPort: number
let balancer: Balancer
const nodes = new Map<string, ServiceProcess>()

before(async () => {
  stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-rolling-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  await using db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  const models = stack.use(await startSimulator({ latencyMs: 5, tokensPerSecond: TOKENS_PER_SECOND }))
  const backends: Array<{ name: string; origin: string }> = []
  for (const name of NODES) {
    const publicPort = await freePort()
    adminPort = await freePort()
    backends.push({ name, origin: `http://127.0.0.1:${publicPort}` })
    const env = {
      NATS_URL: nats.url,
      DATABASE_URL: databaseUrl,
      NODE_ID: name,
      SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
      ADMIN_TOKEN,
      DOWNSTREAM_AI_URLS: models.url,
      PUBLIC_HOST: '127.0.0.1',
      PUBLIC_PORT: String(publicPort),
      ADMIN_PORT: String(adminPort),
      TLS: 'off',
      FLUXGATE_DATA_DIR: join(directory, name),
      NODE_COMPILE_CACHE: join(directory, 'compiled'),
      // Longer than the balancer takes to notice, on a busy machine too.
      DRAIN_DELAY: '700ms',
      DRAIN_TIMEOUT: '10s',
      // A busy machine is no reason to refuse a call here.
      MAX_LOOP_DELAY: '0',
      LOG_LEVEL: 'warn',
    }
    nodes.set(name, stack.use(new ServiceProcess('gateway', env)))
  }
  await Promise.all([...nodes.values()].map(node => node.start()))
  balancer = stack.use(new Balancer(backends))
  await eventually(() => NODES.every(name => balancer.isReady(name)))
})

after(() => stack.disposeAsync())

/** A key whom no limit stands in the way of. */
async function newKey(): Promise<string> {
  const post = async (path: string, body: object) => {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/admin/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.ok(answer.ok, `${path}: ${answer.status}`)
    return (await answer.json()) as { key: string; id: string }
  }
  const { key, id } = await post('keys/generate', { user_id: 'rolling' })
  await post('rate_limit', {
    identifier: `rolling.${id}`,
    capacity: 1e12,
    refill_rate: 1e9,
    requests_per_minute: 1e12,
    concurrent_streams: 1e9,
  })
  return key
}

interface Load {
  readonly failed: string[]
  /** Whole answers, by node. */
  readonly plain: Map<string, number>
  readonly streams: Map<string, number>
  /** Streams that run now, by node. */
  readonly running: Map<string, number>
  stop(): Promise<void>
}

function startLoad(key: string): Load {
  let stopped = false
  const failed: string[] = []
  const plain = new Map<string, number>()
  const streams = new Map<string, number>()
  const running = new Map<string, number>()
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const body = (stream: boolean) =>
    JSON.stringify({
      model: 'phi4-mini',
      stream,
      max_tokens: stream ? STREAM_TOKENS : 1,
      messages: [{ role: 'user', content: 'Tell me something long about the weather.' }],
    })
  const callOnce = async (stream: boolean, found: Map<string, number>) => {
    const backend = balancer.next()
    const { name } = backend
    if (stream) add(running, name, 1)
    try {
      const { status, text } = await balancer.call(backend, '/v1/chat/completions', headers, body(stream))
      const isWhole = status === 200 && (!stream || text.endsWith('data: [DONE]\n\n'))
      if (!isWhole || text.includes('"error"')) failed.push(`${name}: ${status} …${text.slice(-200)}`)
      else add(found, name, 1)
    } finally {
      if (stream) add(running, name, -1)
    }
  }
  const run = async (stream: boolean) => {
    const found = stream ? streams : plain
    while (!stopped) {
      await callOnce(stream, found).catch(error => failed.push(String(error)))
      await sleep(PAUSE_MS)
    }
  }
  const callers = [
    ...Array.from({ length: PLAIN_CALLERS }, () => run(false)),
    ...Array.from({ length: STREAM_CALLERS }, () => run(true)),
  ]
  return {
    failed,
    plain,
    streams,
    running,
    async stop() {
      stopped = true
      await Promise.all(callers)
    },
  }
}

function add(counts: Map<string, number>, name: string, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more)
}

async function countFacts(): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  await using link = await connectNats({ url: nats.url, name: 'test' }, log)
  for (const stream of [STREAMS.requests, STREAMS.tokens]) {
    for await (const { events } of replay(link, { stream, from: 'first' })) {
      for (const { event } of events) counts.set(event.type, (counts.get(event.type) ?? 0) + 1)
    }
  }
  return counts
}

it('gateways restarted in turn under load fail no request, and end the streams that they have', async t => {
  const load = startLoad(await newKey())
  for (const name of NODES) {
    const node = nodes.get(name)!
    const other = NODES.find(each => each !== name)!
    await eventually(() => (load.running.get(name) ?? 0) > 0)
    const before = load.streams.get(name) ?? 0
    const elsewhere = load.plain.get(other) ?? 0
    await node.stop('SIGTERM')
    assert.ok((load.streams.get(name) ?? 0) > before, `${name} was asked to stop and ended its streams`)
    assert.ok((load.plain.get(other) ?? 0) > elsewhere, `${other} served meanwhile`)
    await node.start()
    await eventually(() => balancer.isReady(name))
    const back = load.plain.get(name) ?? 0
    await eventually(() => (load.plain.get(name) ?? 0) > back)
  }
  await load.stop()
  const total = [...load.plain.values(), ...load.streams.values()].reduce((sum, count) => sum + count, 0)
  t.diagnostic(`${total} requests over two restarts, ${load.failed.length} failed`)
  assert.deepEqual(load.failed, [])

  // The log says the same: what was admitted was completed, and settled once.
  await eventually(async () => {
    const counts = await countFacts()
    assert.equal(counts.get('fluxgate.requests.completed'), total)
    assert.equal(counts.get('fluxgate.requests.admitted'), total)
    assert.equal(counts.get('fluxgate.tokens.settled'), total)
    assert.equal(counts.get('fluxgate.requests.failed'), undefined)
    assert.equal(counts.get('fluxgate.requests.interrupted'), undefined)
    assert.equal(counts.get('fluxgate.requests.refused'), undefined)
  })
})
