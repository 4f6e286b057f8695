import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  eventMaker,
  IncidentOpened,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  STREAMS,
  TokensSettled,
} from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, replay } from '@fluxgate/nats'
import { eventually, type NatsServer, startNatsServer, startPostgres } from '@fluxgate/testing'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { accountsConfig } from '../nats/src/server-config.ts'
import { migrate } from '../postgres/src/migrate.ts'
import { makeUsers } from '../postgres/src/users.ts'
import { ROOT } from './system.ts'

/** The MCP server as a user of NATS and of Postgres who may do what it must and nothing else, over a real projection. */
const silent = { info() {}, warn() {}, error() {} }
const TOKEN = 'operator-token-of-the-test'
const INCIDENT = 'inc_subscribed1'
const URI = `fluxgate://incidents/${INCIDENT}`
const IDENTITY = { user: 'u1', key: 'k1' }

let nats: NatsServer
let url: URL
let client: Client
let mcpLog = ''
/** Real Postgres: each service is a user of its own. */
let hasRoles = false
const stack = new AsyncDisposableStack()
const natsUrl = (user: string) => `nats://${user}:secret@127.0.0.1:${nats.port}`
let ids = 0
const make = eventMaker('/test/1', () => `01TEST${String(ids++).padStart(20, '0')}`, Date.now)

before(async () => {
  const config = accountsConfig().replaceAll(/\$NATS_PASSWORD_\w+/g, 'secret')
  nats = stack.use(await startNatsServer({ config }))
  const postgres = stack.use(await startPostgres())
  await migrate(postgres.url)
  // PGlite has one session for all, and so one user.
  hasRoles = postgres.kind === 'postgresql'
  if (hasRoles) {
    const users = (['mcp', 'projection', 'mcp_reader'] as const).map(user => [user, 'x'] as const)
    await makeUsers(postgres.url, new Map(users))
  }
  const databaseUrl = (user: string) =>
    hasRoles ? postgres.url.replace('postgres@', `${user}@`) : postgres.url
  {
    await using topology = await connectNats({ url: natsUrl('topology'), name: 'topology' }, silent)
    await ensureTopology(topology)
  }
  const envOf = (name: string) => ({ NATS_URL: natsUrl(name), DATABASE_URL: databaseUrl(name) })
  await startService('projection', envOf('projection'))
  const reader: Record<string, string> = hasRoles ? { MCP_READ_DATABASE_URL: databaseUrl('mcp_reader') } : {}
  const child = await startService('mcp', {
    ...envOf('mcp'),
    ...reader,
    MCP_PORT: '0',
    MCP_TOKEN: TOKEN,
  })
  url = new URL(`http://127.0.0.1:${child.port}/mcp`)
  client = new Client({ name: 'test', version: '1' })
  const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } }
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }) as never)
  stack.defer(() => client.close())
  await tell('guard', [
    make(IncidentOpened, {
      incident: INCIDENT,
      ...IDENTITY,
      rule: 'contextFlood',
      severity: 'high',
      explanation: 'a flood',
      numbers: { tokens: 812 },
      evidence: [],
      action: 'observed',
    }),
  ])
  await tell('gateway', aRequest('req_privilege01'))
  await eventually(async () => {
    const { resources } = await client.listResources()
    assert.ok(resources.some(({ uri }) => uri === URI))
    assert.equal((await call('query_requests', { request: 'req_privilege01' })).requests.length, 1)
  })
})
after(() => stack.disposeAsync())

async function startService(name: string, env: Record<string, string>) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(ROOT, `services/${name}/src/main.ts`)],
    { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  )
  stack.defer(async () => {
    if (child.exitCode !== null || !child.kill('SIGTERM')) return
    await once(child, 'exit')
  })
  child.stdout!.on('data', chunk => {
    if (name === 'mcp') mcpLog += chunk
  })
  const [{ port }] = (await once(child, 'message')) as [{ port?: number }]
  return { port }
}

/** As the service of this name would. */
async function tell(user: string, events: readonly OutgoingEvent[]): Promise<void> {
  await using link = await connectNats({ url: natsUrl(user), name: user }, silent)
  await using publisher = new EventPublisher(link)
  for (const event of events) await publisher.publish(event)
}

function aRequest(request: string): OutgoingEvent[] {
  const common = { request, ...IDENTITY, model: 'm' }
  const asked = { method: 'POST', path: '/v1/chat/completions', address: '127.0.0.1', stream: false }
  const sizes = { promptChars: 10, promptEstimate: 3, reserved: 259 }
  const ending = { upstream: 'sim', status: 200, durationMs: 40, bytes: 9 }
  const tokens = { usage: { input: 3, output: 6 }, total: 9, reserved: 259, progressed: 0 }
  return [
    make(RequestAdmitted, { ...common, ...asked, ...sizes, tier: 'free', dialect: 'openai' }),
    make(TokensSettled, {
      ...common,
      ...tokens,
      tier: 'free',
      refillRate: 100,
      upstream: 'sim',
      source: 'reported',
    }),
    make(RequestCompleted, { ...common, ...ending }),
  ]
}

// biome-ignore lint/suspicious/noExplicitAny: each tool answers in a form of its own
async function call(name: string, args: object = {}): Promise<any> {
  const result = await client.callTool({ name, arguments: { ...args } })
  if (result.isError) throw new Error(`${name}: ${JSON.stringify(result.content)}`)
  return result.structuredContent
}

describe('the MCP server with its own users', () => {
  it('tells who listens, in either revision, that an open incident has changed, once it can be read', async () => {
    const heard: string[] = []
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    )
    await client.subscribeResource({ uri: URI })
    await using modern = await listen()
    const { actor } = await call('acknowledge_incident', {
      incident: INCIDENT,
      note: 'somebody looks after it',
    })
    assert.equal(actor, 'mcp:operator')
    const isAcknowledged = async () => {
      const { contents } = await client.readResource({ uri: URI })
      assert.equal(JSON.parse((contents[0] as { text: string }).text).state, 'acknowledged')
    }
    // That it has opened may be told first, when nobody had looked before.
    await eventually(async () => {
      assert.ok(heard.length > 0)
      await isAcknowledged()
    })
    const before = heard.length
    await eventually(() => assert.match(modern.heard(), /notifications\/resources\/updated/))
    await call('close_incident', { incident: INCIDENT, reason: 'it was a test' })
    await eventually(() => assert.ok(heard.length > before))
    assert.deepEqual([...new Set(heard)], [URI])
    const { resources } = await client.listResources()
    assert.ok(!resources.some(({ uri }) => uri === URI), 'a closed one is not listed')
  })

  it('may do all that its tools need, and each order is a fact with who gave it', async () => {
    const order = { identity: 'u2.k2', capacity: 5, refillRate: 1, seconds: 60, reason: 'floods us' }
    for (const [name, args] of [
      ['get_gateway_metrics', {}],
      ['usage_report', {}],
      ['top_identities', {}],
      ['query_requests', {}],
      ['trace_request', { request: 'req_privilege01' }],
      ['identity_timeline', { identity: 'u1.k1' }],
      ['auth_events', {}],
      ['get_security_incidents', {}],
      ['get_incident', { incident: INCIDENT }],
      ['debug_guard_state', { identity: 'u1.k1' }],
      ['stream_health', {}],
      ['state_at', { at: '0s' }],
      ['what_if_policy', { policy: {} }],
      ['verify_ledger', {}],
      ['throttle_identity', order],
      ['list_throttles', {}],
      ['list_throttles', { scope: 'all' }],
      ['pardon_identity', { identity: 'u2.k2', reason: 'a test of ours' }],
    ] as const) {
      await call(name, args)
    }
    if (hasRoles) await call('run_read_query', { sql: 'select count(*) from requests' })
    for (const uri of ['fluxgate://policy', 'fluxgate://schema', 'fluxgate://identities/u1.k1', URI]) {
      assert.equal((await client.readResource({ uri })).contents.length, 1, uri)
    }
    assert.doesNotMatch(mcpLog, /permission/i)
    await using link = await connectNats({ url: natsUrl('forensics'), name: 'forensics' }, silent)
    const orders: Array<readonly [string, unknown]> = []
    for (const stream of [STREAMS.throttles, STREAMS.incidents]) {
      for await (const { events } of replay(link, { stream, from: 'first' })) {
        for (const { event } of events) orders.push([event.type, (event.data as { actor?: string }).actor])
      }
    }
    assert.deepEqual(orders, [
      ['fluxgate.throttles.imposed', 'mcp:operator'],
      ['fluxgate.throttles.pardoned', 'mcp:operator'],
      ['fluxgate.incidents.opened', undefined],
      ['fluxgate.incidents.acknowledged', 'mcp:operator'],
      ['fluxgate.incidents.closed', 'mcp:operator'],
    ])
  })

  it('debug_guard_state reports the positions that a running guard has stored', async () => {
    await startService('guard', { NATS_URL: natsUrl('guard') })
    await eventually(async () => {
      const { guard } = await call('debug_guard_state', {})
      assert.equal(guard?.leads, true)
      assert.equal(typeof guard.sequence, 'number')
      assert.equal(guard.behindEvents, 0)
    })
  })
})

/** `subscriptions/listen` of 2026-07-28: a stream of what has been asked for. */
async function listen() {
  const stop = new AbortController()
  const version = '2026-07-28'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  }
  const params = { notifications: { resourceSubscriptions: [URI] }, _meta: meta }
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version,
      'mcp-method': 'subscriptions/listen',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params }),
    signal: stop.signal,
  })
  assert.equal(answer.status, 200, answer.status === 200 ? '' : await answer.text())
  let text = ''
  const reading = (async () => {
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })().catch(() => {})
  await eventually(() => assert.match(text, /acknowledged/))
  return {
    heard: () => text,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await reading
    },
  }
}
