import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { connectNats, replay } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, type NatsServer, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { readGatewayConfig } from '../config.ts'
import { assertDocumented } from '../http/test-conformity.ts'
import { type Gateway, startGateway } from '../service.ts'

export const ADMIN_TOKEN = 'admin-token-for-tests'
const log = createLog('gateway', 'silent')

const FIXED = {
  SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
  ADMIN_TOKEN,
  PUBLIC_HOST: '127.0.0.1',
  PUBLIC_PORT: '0',
  ADMIN_PORT: '0',
  TLS: 'off',
  DRAIN_TIMEOUT: '500ms',
  // A busy machine is no reason to refuse a call here.
  MAX_LOOP_DELAY: '0',
}

/** Gateways on one log and one database, before one model server. */
export interface TestGateways extends AsyncDisposable {
  readonly nodes: readonly Gateway[]
  readonly nats: NatsServer
  readonly databaseUrl: string
  /** One more node, which the caller stops. */
  start(name: string, env?: Record<string, string>): Promise<Gateway>
  /** A model call at a node with this bearer token; its status. */
  call(node: number, token: string): Promise<number>
  admin(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }>
  /** Facts about a user, without the stream's name, in the log's order. */
  facts(stream: string, user: string): Promise<FluxgateEvent[]>
}

export async function startGateways(
  names: readonly string[],
  env: Record<string, string>,
): Promise<TestGateways> {
  const stack = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-gateways-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  {
    await using db = openDatabase(databaseUrl)
    await migrateToLatest(db)
  }
  const upstream = stack.use(await startUpstream())
  const start = (name: string, more: Record<string, string> = {}) => {
    const config = readConfig(
      {
        ...FIXED,
        NODE_ID: name,
        NATS_URL: nats.url,
        DATABASE_URL: databaseUrl,
        DOWNSTREAM_AI_URLS: upstream.url,
        FLUXGATE_DATA_DIR: dataDir,
        ...env,
        ...more,
      },
      readGatewayConfig,
    )
    return startGateway(config, log)
  }
  const nodes: Gateway[] = []
  for (const name of names) nodes.push(stack.use(await start(name)))
  return {
    nodes,
    nats,
    databaseUrl,
    start,
    async call(node, token) {
      const response = await fetch(`http://127.0.0.1:${nodes[node]!.publicPort}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: '{"model":"m"}',
      })
      await response.arrayBuffer()
      return response.status
    },
    async admin(method, path, body) {
      const response = await fetch(`http://127.0.0.1:${nodes[0]!.adminPort}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      const text = await response.text()
      await assertDocumented('admin', method, path, { status: response.status, body: text })
      return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
    },
    facts: (stream, user) => factsAbout(nats.url, stream, user),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** A model server that answers each call at once. */
async function startUpstream(): Promise<{ readonly url: string } & Disposable> {
  const upstream = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end('{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":10,"total_tokens":20}}')
    })
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  return {
    url: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      upstream.closeAllConnections()
      upstream.close()
    },
  }
}

async function factsAbout(natsUrl: string, stream: string, user: string): Promise<FluxgateEvent[]> {
  await using link = await connectNats({ url: natsUrl, name: 'test' }, log)
  const found: FluxgateEvent[] = []
  for await (const batch of replay(link, { stream, from: 'first' })) {
    for (const { event } of batch.events)
      if ((event.data as { user?: string }).user === user) found.push(event)
  }
  return found
}
