import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { readGatewayConfig } from '../config.ts'
import { type Gateway, startGateway } from '../service.ts'
import { type Receiver, startReceiver } from './trace-receiver.ts'

export const TOKEN = 'admin-token-for-tests'
export const COLLECTOR_KEY = 'collector-key-for-tests'
export const PROMPT = 'the secret recipe of the house'
export const ANSWER = 'take three eggs'
export const CHAT = '/v1/chat/completions'

export interface Node {
  readonly gateway: Gateway
  /** What it has logged. */
  readonly lines: string[]
}

/** A receiver of spans, an upstream, and gateways before it: one that sends its spans, and more as a test starts them. */
export interface TelemetryScene extends AsyncDisposable {
  readonly receiver: Receiver
  readonly upstreamPort: number
  /** Headers of each call that came to the upstream. */
  readonly asked: IncomingHttpHeaders[]
  readonly traced: Node
  readonly key: string
  startNode(name: string, env: Record<string, string>): Promise<Node>
  call(node: Node, headers?: Record<string, string>, body?: object): Promise<Response>
}

export async function startTelemetry(): Promise<TelemetryScene> {
  const stack = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-telemetry-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  {
    await using db = openDatabase(databaseUrl)
    await migrateToLatest(db)
  }
  const receiver = stack.use(await startReceiver())
  const asked: IncomingHttpHeaders[] = []
  const upstreamPort = await startUpstream(stack, asked)
  const baseEnv = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
    ADMIN_TOKEN: TOKEN,
    DOWNSTREAM_AI_URLS: `http://127.0.0.1:${upstreamPort}`,
    PUBLIC_HOST: '127.0.0.1',
    PUBLIC_PORT: '0',
    ADMIN_PORT: '0',
    TLS: 'off',
    FLUXGATE_DATA_DIR: dataDir,
    DRAIN_TIMEOUT: '500ms',
    // A busy machine is no reason to refuse a call here.
    MAX_LOOP_DELAY: '0',
  }
  async function startNode(name: string, env: Record<string, string>): Promise<Node> {
    const lines: string[] = []
    const log = createLog('gateway', 'trace', { write: (line: string) => lines.push(line) })
    const config = readConfig({ ...baseEnv, NODE_ID: name, ...env }, readGatewayConfig)
    return { gateway: stack.use(await startGateway(config, log)), lines }
  }
  const traced = await startNode('traced', {
    ACCESS_LOG: 'on',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: `api-key=${COLLECTOR_KEY}`,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_BSP_SCHEDULE_DELAY: '20',
  })
  const key = await newKey(traced)
  return {
    receiver,
    upstreamPort,
    asked,
    traced,
    key,
    startNode,
    call: ({ gateway }, headers = {}, body = {}) =>
      fetch(`http://127.0.0.1:${gateway.publicPort}${CHAT}?q=query-text`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: PROMPT }], ...body }),
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function newKey({ gateway }: Node): Promise<string> {
  const made = await fetch(`http://127.0.0.1:${gateway.adminPort}/admin/keys/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: 'ann', tier: 'pro' }),
  })
  return ((await made.json()) as { key: string }).key
}

/** Answers with usage, or as the model's name asks it to. */
async function startUpstream(owner: AsyncDisposableStack, asked: IncomingHttpHeaders[]): Promise<number> {
  const upstream = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push(request.headers)
    const { model } = JSON.parse(body || '{}') as { model?: string }
    response.setHeader('content-type', 'application/json')
    if (model === 'broken') response.statusCode = 500
    if (model === 'gone') {
      response.write('{"half":')
      setTimeout(() => response.destroy(), 20)
      return
    }
    const usage = { prompt_tokens: 10, completion_tokens: 90, total_tokens: 100 }
    response.end(JSON.stringify({ model: 'gpt-5-mini-2026', choices: [{ text: ANSWER }], usage }))
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  owner.defer(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  return (upstream.address() as AddressInfo).port
}

/** The spans of one request, the server's first. */
export async function spansOf({ receiver }: TelemetryScene, response: Response, count: number) {
  const id = response.headers.get('x-request-id')
  return eventually(() => {
    const found = receiver.spans.filter(span => span.attributes['fluxgate.request.id'] === id)
    assert.equal(found.length, count)
    return found.sort((a, b) => a.kind - b.kind)
  })
}

export async function scrape({ gateway }: Node): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  })
  return response.text()
}
