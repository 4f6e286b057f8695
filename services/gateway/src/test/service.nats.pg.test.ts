import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { connectNats, replay } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  type NatsServer,
  type PostgresServer,
  SESSION_KEYS,
  startPostgres,
  testNats,
} from '@fluxgate/testing'
import { readGatewayConfig } from '../config.ts'
import { type Gateway, startGateway } from '../service.ts'

const TOKEN = 'admin-token-for-tests'
const CHAT = '/v1/chat/completions'
const log = createLog('gateway', 'silent')

let stack: AsyncDisposableStack
let nats: NatsServer
let postgres: PostgresServer
let one: Gateway
let two: Gateway

before(async () => {
  stack = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-gateway-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  nats = stack.use(await testNats())
  postgres = stack.use(await startPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const upstream = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end('{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":90,"total_tokens":100}}')
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  stack.defer(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  const start = (node: string) =>
    startGateway(
      readConfig(
        {
          NODE_ID: node,
          NATS_URL: nats.url,
          DATABASE_URL: databaseUrl,
          SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
          ADMIN_TOKEN: TOKEN,
          DOWNSTREAM_AI_URLS: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
          PUBLIC_HOST: '127.0.0.1',
          PUBLIC_PORT: '0',
          ADMIN_PORT: '0',
          TLS: 'off',
          FLUXGATE_DATA_DIR: dataDir,
          DRAIN_TIMEOUT: '500ms',
          // A busy machine is no reason to refuse a call here.
          MAX_LOOP_DELAY: '0',
        },
        readGatewayConfig,
      ),
      log,
    )
  one = stack.use(await start('one'))
  two = stack.use(await start('two'))
})

after(() => stack.disposeAsync())

const call = (gateway: Gateway, key: string, body: object = {}) =>
  fetch(`http://127.0.0.1:${gateway.publicPort}${CHAT}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function admin<T>(
  method: string,
  path: string,
  body?: object,
  token = TOKEN,
): Promise<{ status: number; body: T }> {
  const response = await fetch(`http://127.0.0.1:${one.adminPort}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T }
}

interface Made {
  readonly key: string
  readonly id: string
}
const newKey = async (user: string, tier = 'free') =>
  (await admin<Made>('POST', '/admin/keys/generate', { user_id: user, tier })).body

async function events(stream: string, user: string): Promise<FluxgateEvent[]> {
  await using link = await connectNats({ url: nats.url, name: 'test' }, log)
  const found: FluxgateEvent[] = []
  for await (const batch of replay(link, { stream, from: 'first' })) {
    for (const { event } of batch.events)
      if ((event.data as { user: string }).user === user) found.push(event)
  }
  return found
}

/** Repeats until the answer has this status; gives the milliseconds that it took. */
async function until(status: number, ask: () => Promise<Response>): Promise<number> {
  const startedMs = performance.now()
  while (performance.now() - startedMs < 5_000) {
    const response = await ask()
    await response.arrayBuffer()
    if (response.status === status) return performance.now() - startedMs
  }
  throw new Error(`never ${status}`)
}

describe('two gateways on one log', () => {
  it('know the same keys, and tell the log of every step', async () => {
    const { key, id } = await newKey('alice')
    for (const gateway of [one, two]) assert.equal((await call(gateway, key)).status, 200)
    await eventually(async () => {
      const types = [...(await events('REQUESTS', 'alice')), ...(await events('TOKENS', 'alice'))].map(
        event => event.type,
      )
      assert.deepEqual(types.toSorted(), [
        'fluxgate.requests.admitted',
        'fluxgate.requests.admitted',
        'fluxgate.requests.completed',
        'fluxgate.requests.completed',
        'fluxgate.tokens.settled',
        'fluxgate.tokens.settled',
      ])
    })
    const auth = await events('AUTH', 'alice')
    assert.deepEqual(
      auth.map(event => event.type.slice('fluxgate.auth.'.length)),
      ['registered', 'key_created', 'key_accepted', 'key_accepted'],
    )
    assert.ok(!JSON.stringify(auth).includes(key), 'the key itself is in no event')
    const listed = await admin<{ keys: Array<{ id: string; lastUsedAt: number | null }> }>(
      'GET',
      '/admin/keys?user_id=alice',
    )
    assert.deepEqual(
      listed.body.keys.map(each => each.id),
      [id],
    )
  })

  it('refuse a throttled identity at once, and admit it after the pardon', async () => {
    const { key, id } = await newKey('bob')
    for (const gateway of [one, two]) assert.equal((await call(gateway, key)).status, 200)
    const throttle = { identifier: `bob.${id}`, capacity: 0, refill_rate: 0, seconds: 600, reason: 'a test' }
    assert.equal((await admin('POST', '/admin/throttle', throttle)).status, 200)
    for (const gateway of [one, two]) assert.ok((await until(429, () => call(gateway, key))) < 1_000)
    assert.equal((await admin('POST', '/admin/pardon', { identifier: key })).status, 200)
    for (const gateway of [one, two]) assert.ok((await until(200, () => call(gateway, key))) < 1_000)
    assert.equal((await admin('POST', '/admin/pardon', { identifier: key })).status, 404)
    const facts = (await events('THROTTLES', 'bob')).map(event => [
      event.type,
      (event.data as { actor: string }).actor,
    ])
    assert.deepEqual(facts, [
      ['fluxgate.throttles.imposed', 'admin'],
      ['fluxgate.throttles.pardoned', 'admin'],
    ])
  })

  it('refuse a revoked key at once, though they had it in their caches', async () => {
    const { key, id } = await newKey('carol')
    for (const gateway of [one, two]) assert.equal((await call(gateway, key)).status, 200)
    assert.equal((await admin('DELETE', `/admin/keys/${id}`)).status, 204)
    for (const gateway of [one, two]) assert.ok((await until(401, () => call(gateway, key))) < 1_000)
    assert.equal((await admin('DELETE', `/admin/keys/${id}`)).status, 404)
  })

  it('share what an identity has used', async () => {
    const { key, id } = await newKey('dave')
    await admin('POST', '/admin/rate_limit', { identifier: `dave.${id}`, capacity: 1_000, refill_rate: 0 })
    let admitted = 0
    await eventually(async () => {
      const left = await admin<Record<string, number>>('GET', '/admin/metrics')
      assert.equal(left.status, 200)
    })
    for (let i = 0; i < 40; i++) {
      const response = await call(i % 2 === 0 ? one : two, key, { max_tokens: 50 })
      if (response.status === 200) admitted++
      await response.arrayBuffer()
      // Two gossip intervals: what this test asks is whether nodes share, not how fast they are flooded.
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    // 100 tokens a call out of 1,000; alone, each node would have let its own 10 through.
    assert.ok(admitted >= 9 && admitted <= 12, `${admitted} admitted`)
  })

  it('keep serving known keys while Postgres is away, and say 503 of unknown ones, not 401', async () => {
    const { key } = await newKey('erin')
    const other = await newKey('erin-late')
    assert.equal((await call(one, key)).status, 200)
    await postgres.stop()
    assert.equal((await call(one, key)).status, 200)
    const unknown = await call(one, other.key)
    assert.equal(unknown.status, 503)
    assert.equal(((await unknown.json()) as { error: { code: string } }).error.code, 'keys_unavailable')
    await postgres.start()
    assert.ok((await until(200, () => call(one, other.key))) < 5_000)
  })
})

describe('the admin API', () => {
  it('wants its token, and checks what it is given', async () => {
    assert.equal((await admin('GET', '/admin/users', undefined, 'wrong')).status, 401)
    assert.equal((await admin('GET', '/admin/health', undefined, 'wrong')).status, 200)
    const bad: Array<[string, object]> = [
      ['/admin/keys/generate', {}],
      ['/admin/keys/generate', { user_id: 'a.b' }],
      ['/admin/keys/generate', { user_id: 'a', tier: 'no tier' }],
      ['/admin/keys/generate', { user_id: 'a', extra: 1 }],
      ['/admin/rate_limit', { identifier: 'a.b', capacity: -1, refill_rate: 1 }],
      ['/admin/throttle', { identifier: 'a.b', capacity: 1, refill_rate: 1, seconds: 0 }],
    ]
    for (const [path, body] of bad) {
      const answer = await admin<{ error: { code: string } }>('POST', path, body)
      assert.equal(answer.status, 400, JSON.stringify(body))
      assert.equal(answer.body.error.code, 'invalid_body')
    }
    const none = await admin('POST', '/admin/pardon', { identifier: 'nobody' })
    assert.equal(none.status, 404)
  })

  it('changes a tier, and the bucket with it', async () => {
    const { key } = await newKey('frank')
    assert.equal((await call(one, key)).headers.get('x-ratelimit-limit-tokens'), '5000')
    assert.deepEqual((await admin('POST', '/admin/tier', { user_id: 'frank', tier: 'pro' })).body, {
      from: 'free',
      to: 'pro',
    })
    await eventually(async () => {
      assert.equal((await call(one, key)).headers.get('x-ratelimit-limit-tokens'), '50000')
    })
  })
})
