import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connectNats, replay } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog } from '@fluxgate/runtime'
import { createDatabase, eventually, freePort, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { assertConserved, assertDocumented, readLedger } from '../test/conservation.ts'
import { startModelServer } from '../test/model-server.ts'

const MAIN = join(import.meta.dirname, '../main.ts')
const ADMIN_TOKEN = 'admin-token-for-tests'
const CONNECTIONS = 40
const START = { timeoutMs: 90_000 }
const log = createLog('test', 'silent')

describe('a gateway of two workers', () => {
  const stack = new AsyncDisposableStack()
  const answered = new Set<string>()
  let natsUrl: string
  let publicPort: number
  let adminPort: number
  let key: string
  let output = ''
  let gateway: ChildProcess
  let env: NodeJS.ProcessEnv

  before(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fluxgate-workers-'))
    stack.defer(() => rmSync(directory, { recursive: true, force: true }))
    const nats = stack.use(await testNats())
    const postgres = stack.use(await testPostgres())
    const databaseUrl = await createDatabase(postgres)
    {
      await using db = openDatabase(databaseUrl)
      await migrateToLatest(db)
    }
    const models = stack.use(await startModelServer())
    natsUrl = nats.url
    publicPort = await freePort()
    adminPort = await freePort()
    env = {
      ...process.env,
      GATEWAY_WORKERS: '2',
      NODE_ID: 'gw',
      NATS_URL: natsUrl,
      DATABASE_URL: databaseUrl,
      SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
      ADMIN_TOKEN,
      DOWNSTREAM_AI_URLS: models.url,
      PUBLIC_HOST: '127.0.0.1',
      PUBLIC_PORT: String(publicPort),
      ADMIN_PORT: String(adminPort),
      TLS: 'off',
      FLUXGATE_DATA_DIR: directory,
      // A busy machine is no reason to refuse a call here.
      MAX_LOOP_DELAY: '0',
    }
    gateway = start(env)
    stack.defer(() => void gateway.kill('SIGKILL'))
    for (const stream of [gateway.stdout, gateway.stderr]) stream?.on('data', data => (output += data))
    await eventually(() => assert.match(output, /workers listen/), START)
    const made = await admin('/admin/keys/generate', { user_id: 'ada', tier: 'pro' })
    assert.equal(made.status, 201)
    key = ((await made.json()) as { key: string }).key
  })
  after(() => stack.disposeAsync())

  it('serves one port by both, each under a name of its own', async () => {
    await callOnEach(CONNECTIONS)
    await eventually(async () => assert.deepEqual([...(await nodesOfAdmitted())].sort(), ['gw-1', 'gw-2']))
  })

  it('has one page of metrics, with the calls of both', async () => {
    const page = await (await admin('/metrics')).text()
    const calls = [...page.matchAll(/^fluxgate_requests_admitted_total\{worker="(gw-\d)".* (\d+)$/gm)]
    assert.deepEqual([...new Set(calls.map(([, worker]) => worker))].sort(), ['gw-1', 'gw-2'])
    const sum = calls.reduce((total, [, , count]) => total + Number(count), 0)
    assert.equal(sum, CONNECTIONS)
    assert.equal(page.match(/^# TYPE fluxgate_requests_admitted_total /gm)?.length, 1)
    assert.match(page, /^fluxgate_workers\{service="gateway",state="ready"\} 2$/m)
    const refused = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
    assert.equal(refused.status, 401)
  })

  it('has one readiness, and says which worker answers an order', async () => {
    const ready = await fetch(`http://127.0.0.1:${adminPort}/admin/ready`)
    assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, missing: {} }])
    const tiers = await admin('/admin/tiers')
    assert.deepEqual([tiers.status, tiers.headers.get('x-fluxgate-node')], [200, 'gw-1'])
    const unknown = await admin('/admin/nothing', {})
    assert.equal(unknown.status, 404)
  })

  it('starts a killed worker again, serves meanwhile, and loses nothing that a client saw', async () => {
    const killed = workerPid('gw-1')
    process.kill(killed, 'SIGKILL')
    await eventually(async () => {
      const ready = await fetch(`http://127.0.0.1:${adminPort}/admin/ready`)
      const { warnings } = (await ready.json()) as { warnings?: Record<string, string> }
      assert.equal(ready.status, 200)
      assert.match(warnings?.['gw-1'] ?? '', /does not answer/)
    })
    await callOnEach(10)
    await eventually(() => assert.notEqual(workerPid('gw-1'), killed), START)
    await eventually(async () => {
      const page = await (await admin('/metrics')).text()
      assert.match(page, /^fluxgate_workers\{service="gateway",state="ready"\} 2$/m)
      assert.match(page, /^fluxgate_worker_restarts_total\{service="gateway",worker="gw-1"\} 1$/m)
    }, START)
  })

  it('restarts its workers one after another on SIGUSR2, and serves all the time', async () => {
    const before = [workerPid('gw-1'), workerPid('gw-2')]
    let isRolling = true
    const calling = (async () => {
      while (isRolling) await callOnEach(8)
    })()
    gateway.kill('SIGUSR2')
    const seen: unknown[] = []
    const isDone = async () => {
      const ready = await fetch(`http://127.0.0.1:${adminPort}/admin/ready`)
      seen.push(ready.status)
      assert.match(output, /rolling restart is done/)
    }
    await eventually(isDone, START)
    assert.deepEqual([...new Set(seen)], [200], 'a balancer leaves the node in')
    isRolling = false
    await calling
    const now = [workerPid('gw-1'), workerPid('gw-2')]
    for (const [i, pid] of now.entries()) assert.notEqual(pid, before[i])
    await callOnEach(10)
  })

  it('stops as a whole, with every call in the log once', async () => {
    const workers = [workerPid('gw-1'), workerPid('gw-2')]
    gateway.kill('SIGTERM')
    const [code] = await once(gateway, 'exit')
    assert.equal(code, 0, output)
    for (const pid of workers) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    await eventually(async () => {
      const ledger = await readLedger(natsUrl)
      assertDocumented(ledger, answered)
      assertConserved(ledger)
    })
  })

  it('ends with a reason when a worker cannot start, and leaves none behind', async () => {
    const taken = createServer().listen(publicPort, '127.0.0.1')
    await once(taken, 'listening')
    const failed = start(env)
    let said = ''
    failed.stdout?.on('data', data => (said += data))
    const [code] = await once(failed, 'exit')
    taken.close()
    assert.equal(code, 1)
    assert.match(said, /worker gw-1 ended at its start: exit code 1/)
    assert.match(said, /EADDRINUSE/)
  })

  it('takes its workers with it when it is killed', async () => {
    const killed = start(env)
    output = ''
    killed.stdout?.on('data', data => (output += data))
    await eventually(() => assert.match(output, /workers listen/), START)
    const workers = [workerPid('gw-1'), workerPid('gw-2')]
    killed.kill('SIGKILL')
    await eventually(() => {
      for (const pid of workers) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    })
  })

  function start(environment: NodeJS.ProcessEnv): ChildProcess {
    const args = ['--disable-warning=ExperimentalWarning', MAIN]
    return spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  function admin(path: string, body?: object): Promise<Response> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }
    const init = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
    return fetch(`http://127.0.0.1:${adminPort}${path}`, init)
  }

  /** The process that was last ready under the name, as the log says. */
  function workerPid(name: string): number {
    const ready = output
      .split('\n')
      .filter(line => line.includes('"worker ready"') && line.includes(`"${name}"`))
    return (JSON.parse(ready.at(-1)!) as { workerPid: number }).workerPid
  }

  async function callOnEach(connections: number): Promise<void> {
    const statuses = await Promise.all(Array.from({ length: connections }, callOnce))
    assert.deepEqual([...new Set(statuses)], [200])
  }

  /** A call on a connection of its own; its answer is read to its end. */
  function callOnce(): Promise<number | undefined> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const agent = new Agent({ keepAlive: false })
    const path = '/v1/chat/completions'
    return new Promise((resolve, reject) => {
      const call = request(
        { host: '127.0.0.1', port: publicPort, path, method: 'POST', headers, agent },
        response => {
          response.resume().on('end', () => {
            if (response.statusCode === 200) answered.add(String(response.headers['x-request-id']))
            resolve(response.statusCode)
          })
        },
      )
      call.on('error', reject).end('{"model":"m","messages":[]}')
    })
  }

  async function nodesOfAdmitted(): Promise<Set<string | undefined>> {
    await using link = await connectNats({ url: natsUrl, name: 'test' }, log)
    const nodes = new Set<string | undefined>()
    for await (const { events } of replay(link, { stream: 'REQUESTS', from: 'first' })) {
      for (const { event } of events) {
        if (event.type === 'fluxgate.requests.admitted') nodes.add(event.source.split('/')[2])
      }
    }
    return nodes
  }
})
