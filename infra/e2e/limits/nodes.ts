import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createDatabase, freePort, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { Pool } from 'undici'
import { startProcess } from '../../bench/proxy/process.ts'
import { type Wire, wireTo } from './wire.ts'

const ADMIN_TOKEN = 'admin-token-of-limited-nodes'
const SERVICE = join(import.meta.dirname, '../../../services/gateway/src/main.ts')
const CALLS_AT_ONCE = 32

/** A gateway process, and its wire to NATS. */
export interface Node {
  readonly api: Pool
  readonly adminUrl: string
  readonly wire: Wire
}

export interface LimitedNodes extends AsyncDisposable {
  readonly nodes: readonly Node[]
  /** Starts one more node beside the others. */
  add(): Promise<Node>
  order(method: string, path: string, body?: object): Promise<Response>
  /** A key with this limit of its own; what the limit leaves out is not limited. */
  newKey(user: string, limit: Limit): Promise<Key>
  /** Whole tokens left of an identity, as a node sees them; undefined: full. */
  left(node: Node, identity: string): Promise<number | undefined>
}

export interface Key {
  readonly key: string
  readonly identity: string
}

/** As `POST /admin/rate_limit` takes it. */
export interface Limit {
  readonly capacity: number
  readonly refill_rate: number
  readonly requests_per_minute?: number
  readonly concurrent_streams?: number
}

/** What one call of {@link call} reserves, and settles: the model server answers that it used as many. */
export const CALL_TOKENS = 100
const BODY = JSON.stringify({ model: 'm', max_tokens: CALL_TOKENS - 50 })
const MODELS = JSON.stringify({ object: 'list', data: [{ id: 'm', object: 'model' }] })
const ANSWER = JSON.stringify({
  choices: [],
  usage: { prompt_tokens: 50, completion_tokens: CALL_TOKENS - 50, total_tokens: CALL_TOKENS },
})

/** Gateway processes on one log and one database, each with a wire to NATS that can be cut. */
export async function startNodes(count: number, more: Record<string, string> = {}): Promise<LimitedNodes> {
  await using stack = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-limits-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const upstreamUrl = await startUpstream(stack)
  const nodes: Node[] = []
  const processes = stack.use(new AsyncDisposableStack())

  const add = async (): Promise<Node> => {
    const name = `limits-${nodes.length}`
    const wire = processes.use(await wireTo(nats.port))
    const [publicPort, adminPort] = await Promise.all([freePort(), freePort()])
    const env = {
      NODE_ID: name,
      NATS_URL: nats.url.replace(`:${nats.port}`, `:${wire.port}`),
      DATABASE_URL: databaseUrl,
      SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
      ADMIN_TOKEN,
      DOWNSTREAM_AI_URLS: upstreamUrl,
      PUBLIC_HOST: '127.0.0.1',
      PUBLIC_PORT: String(publicPort),
      ADMIN_PORT: String(adminPort),
      TLS: 'off',
      FLUXGATE_DATA_DIR: join(dataDir, name),
      DRAIN_TIMEOUT: '500ms',
      LOG_LEVEL: 'error',
      MAX_LOOP_DELAY: '0',
      ...more,
    }
    const args = ['--disable-warning=ExperimentalWarning', SERVICE]
    processes.use(await startProcess(process.execPath, args, publicPort, env))
    const api = new Pool(`http://127.0.0.1:${publicPort}`, { connections: CALLS_AT_ONCE, pipelining: 1 })
    processes.defer(() => api.destroy())
    const node = { api, adminUrl: `http://127.0.0.1:${adminPort}`, wire }
    nodes.push(node)
    return node
  }
  for (let i = 0; i < count; i++) await add()
  const owned = stack.move()
  return {
    nodes,
    add,
    order: (method, path, body) => order(nodes[0]!, method, path, body),
    async newKey(user, limit) {
      const made = await order(nodes[0]!, 'POST', '/admin/keys/generate', { user_id: user })
      const { key, id } = (await made.json()) as { key: string; id: string }
      const identity = `${user}.${id}`
      const limited = await order(nodes[0]!, 'POST', '/admin/rate_limit', { identifier: identity, ...limit })
      if (limited.status !== 200) throw new Error(`the limit was answered with ${limited.status}`)
      return { key, identity }
    },
    async left(node, identity) {
      const answer = await order(node, 'GET', '/admin/metrics')
      return ((await answer.json()) as Record<string, number>)[identity]
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** One call that takes {@link CALL_TOKENS}; its status. */
export async function call({ api }: Node, key: string): Promise<number> {
  const { statusCode, body } = await api.request({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: BODY,
  })
  await body.dump()
  return statusCode
}

function order(node: Node, method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  return fetch(node.adminUrl + path, {
    method,
    headers: body ? { ...headers, 'content-type': 'application/json' } : headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
}

async function startUpstream(stack: AsyncDisposableStack): Promise<string> {
  const upstream = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => (body += chunk))
    request.on('end', () => {
      if (body.includes('"stream":true')) {
        // It never ends by itself.
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
        return
      }
      response.setHeader('content-type', 'application/json')
      response.end(request.method === 'GET' ? MODELS : ANSWER)
    })
  }).listen(0, '127.0.0.1')
  stack.defer(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  await once(upstream, 'listening')
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
}
