import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import {
  createDatabase,
  eventually,
  freePort,
  SESSION_KEYS,
  testNats,
  testPostgres,
  testRandom,
} from '@fluxgate/testing'
import { assertConserved, assertDocumented, readLedger } from './conservation.ts'
import { startModelServer } from './model-server.ts'

const KILLS = 5
/** Of each kind: plain calls, and streams that take longer. */
const CALLERS = 8
const PIECE_MS = 15
/** A gateway that starts again takes much of this on a busy machine. */
const RESTART = { timeoutMs: 90_000 }
/** Stops until the spool is empty: what the log acknowledges too late for one stays for the next. */
const MAX_STOPS = 5
const ADMIN_TOKEN = 'admin-token-for-tests'
const MAIN = join(import.meta.dirname, '../main.ts')

interface Node {
  readonly process: ChildProcess
  readonly output: () => string
}

function startNode(env: Record<string, string>): Node {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', data => {
      output = `${output}${data}`.slice(-4_000)
    })
  }
  return { process: child, output: () => output }
}

async function ended(node: Node, signal: NodeJS.Signals): Promise<void> {
  if (node.process.exitCode !== null || node.process.signalCode !== null) return
  const exit = once(node.process, 'exit')
  node.process.kill(signal)
  await exit
}

/** Clients that call all the time, whether anybody answers or not, and note each answer that they saw to its end. */
class Clients {
  readonly answered = new Set<string>()
  streamed = 0
  readonly #url: string
  readonly #key: string
  readonly #running: Promise<void>[]
  #stopped = false

  constructor(origin: string, key: string) {
    this.#url = `${origin}/v1/chat/completions`
    this.#key = key
    this.#running = Array.from({ length: 2 * CALLERS }, (_, i) => this.#run(i < CALLERS))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  async #run(stream: boolean): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#call(stream)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        await sleep(20) // nobody there, killed in the middle, or refused
      }
    }
  }

  async #call(stream: boolean): Promise<void> {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: 'hello' }] }),
    })
    const text = await response.text()
    // Postgres or a model that a busy machine holds up: refused, and so nothing that was answered.
    if (response.status >= 502) throw new Error(text)
    assert.equal(response.status, 200, text)
    assert.ok(stream ? text.endsWith('data: [DONE]\n\n') : JSON.parse(text).usage)
    if (stream) this.streamed++
    this.answered.add(response.headers.get('x-request-id')!)
  }
}

it(`a gateway that is killed ${KILLS} times under load: what clients saw answered is in the log once, and all is settled once`, async () => {
  await using stack = new AsyncDisposableStack()
  const dataDir = mkdtempSync(join(tmpdir(), 'fluxgate-killed-'))
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const models = stack.use(await startModelServer(PIECE_MS))
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const [publicPort, adminPort] = [await freePort(), await freePort()]
  const env = {
    NODE_ID: 'killed',
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
    ADMIN_TOKEN,
    DOWNSTREAM_AI_URLS: models.url,
    PUBLIC_HOST: '127.0.0.1',
    PUBLIC_PORT: String(publicPort),
    ADMIN_PORT: String(adminPort),
    TLS: 'off',
    FLUXGATE_DATA_DIR: dataDir,
    MAX_LOOP_DELAY: '0',
    LOG_LEVEL: 'warn',
  }
  let node = startNode(env)
  stack.defer(() => ended(node, 'SIGKILL'))
  const clients = new Clients(`http://127.0.0.1:${publicPort}`, await makeKey(adminPort, node))
  stack.defer(() => clients.stop())

  const random = testRandom()
  for (let kill = 0; kill < KILLS; kill++) {
    const before = clients.answered.size
    await eventually(() => assert.ok(clients.answered.size > before + 50, node.output()), RESTART)
    await sleep(random() * 300)
    await ended(node, 'SIGKILL')
    node = startNode(env)
  }
  const before = clients.answered.size
  await eventually(() => assert.ok(clients.answered.size > before, node.output()), RESTART)
  await clients.stop()
  const spooled = () => readdirSync(join(dataDir, 'spool'))
  await ended(node, 'SIGTERM')
  for (let stops = 1; stops < MAX_STOPS && spooled().length > 1; stops++) {
    node = startNode(env)
    await isReady(publicPort, node)
    await ended(node, 'SIGTERM')
  }
  assert.deepEqual(spooled(), ['damaged'], node.output())
  assert.deepEqual(readdirSync(join(dataDir, 'spool', 'damaged')), [])

  const ledger = await readLedger(nats.url)
  assertDocumented(ledger, clients.answered)
  const { admitted, interrupted } = assertConserved(ledger)
  assert.ok(admitted >= clients.answered.size)
  assert.ok(interrupted >= KILLS, `${interrupted} were running when their node was killed`)
  const plain = clients.answered.size - clients.streamed
  assert.ok(
    clients.streamed > KILLS && plain > KILLS * 10,
    `${clients.streamed} streams, ${plain} plain calls`,
  )
})

async function isReady(port: number, node: Node): Promise<void> {
  await eventually(async () => {
    const { ok } = await fetch(`http://127.0.0.1:${port}/ready`)
    assert.ok(ok, node.output())
  }, RESTART)
}

/** A key that no limit stands in the way of. */
async function makeKey(port: number, node: Node): Promise<string> {
  const admin = async (path: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${port}/admin/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    assert.ok(response.ok, `${path}: ${response.status}`)
    return (await response.json()) as { key: string; id: string }
  }
  const made = await eventually(() => admin('keys/generate', { user_id: 'u' }), RESTART).catch(error => {
    throw new Error(node.output(), { cause: error })
  })
  await admin('rate_limit', {
    identifier: `u.${made.id}`,
    capacity: 1e12,
    refill_rate: 1e9,
    requests_per_minute: 1e12,
    concurrent_streams: 1e9,
  })
  return made.key
}
