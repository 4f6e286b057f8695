import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { workload } from '@fluxgate/projection/testing'
import { asOf, type Database, migrateToLatest, openDatabase, requestTotals } from '@fluxgate/read-model'
import { createDatabase, eventually, startNatsServer, startPostgres } from '@fluxgate/testing'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { fillTables } from './fill.ts'
import { type Question, questionsOf } from './questions.ts'
import { scansOf } from './scans.ts'

/**
 * How long the MCP server's report tools take over a million projected requests, asked by the SDK's own client over
 * Streamable HTTP, and which indexes Postgres uses for them. The tables get a history of 30 days; then the real projection
 * folds the newest requests out of a real log on top of it, so that tools that read the log have one too.
 *   npm run fluxgate -- bench:mcp [--requests 1000000 --log 50000 --calls 200]
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    log: { type: 'string', default: '50000' },
    calls: { type: 'string', default: '200' },
  },
})
const [requests, logged, calls] = [Number(values.requests), Number(values.log), Number(values.calls)]
const TOKEN = 'operator-token-of-the-bench'
const HOUR_MS = 3_600_000
const REQUESTS_PER_SECOND = 50
const CATCH_UP_MS = 600_000
const silent = { info() {}, warn() {}, error() {} }
const nowMs = Date.now()

await using stack = new AsyncDisposableStack()
const nats = stack.use(await startNatsServer())
const postgres = stack.use(await startPostgres({ kind: 'postgresql' }))
const databaseUrl = await createDatabase(postgres)
const db = stack.use(openDatabase(databaseUrl, { statementTimeoutMs: CATCH_UP_MS }))
await migrateToLatest(db)
const span = (logged / REQUESTS_PER_SECOND) * 1_000
await timed(`${requests} requests of 30 days put into the tables`, () =>
  fillTables(db, { requests, days: 30, identities: 400, endMs: nowMs - span - HOUR_MS }),
)
const link = stack.use(await connectNats({ url: nats.url, name: 'bench' }, silent))
await timed(`${logged} requests put into the log`, () => fillLog(link))
const env = { NATS_URL: nats.url, DATABASE_URL: databaseUrl, LOG_LEVEL: 'warn', RETENTION_DAYS: '3660' }
await timed('folded by the projection', async () => {
  const projection = await startService('projection', env)
  await eventually(() => caughtUp(link, db), { timeoutMs: CATCH_UP_MS })
  projection.kill('SIGTERM')
  await once(projection, 'exit')
})
const { admitted, refused } = await requestTotals(db)
console.log(
  `${admitted + refused} projected requests; ${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}\n`,
)

const client = await startClient()
const questions = await questionsOf(db, link, nowMs)
console.log(`| tool | arguments | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|`)
let late = 0
for (const question of questions) {
  const tookMs = await ask(question)
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map(share => tookMs[Math.floor(share * (tookMs.length - 1))]!)
  if (p95! > 100) late++
  console.log(
    `| \`${question.tool}\` | ${question.about} | ${figure(p50!)} | ${figure(p95!)} | ${figure(p99!)} |`,
  )
}
console.log(
  `\n${late === 0 ? 'Every p95 is within 100 ms' : `${late} p95 are over 100 ms`}; ${calls} calls each, one after the other.\n`,
)
for (const { statement, lines } of await scansOf(databaseUrl, nowMs)) {
  console.log(`${statement}\n${lines.map(line => `  ${line}`).join('\n')}`)
}

async function ask({ tool, args }: Question): Promise<number[]> {
  const took: number[] = []
  for (let n = 0; n < calls; n++) {
    const call = { name: tool, arguments: args(n) }
    const began = performance.now()
    const result = await client.callTool(call)
    took.push(performance.now() - began)
    if (result.isError) throw new Error(`${tool}: ${JSON.stringify(result.content)}`)
  }
  return took.sort((a, b) => a - b)
}

async function fillLog(to: NatsLink): Promise<void> {
  await ensureTopology(to)
  await using publisher = new EventPublisher(to)
  const startMs = nowMs - span
  for (const event of workload({ requests: logged, requestsPerSecond: REQUESTS_PER_SECOND, startMs })) {
    publisher.append(event)
  }
  await publisher.flush()
}

async function caughtUp(to: NatsLink, tables: Database): Promise<boolean> {
  const positions = new Map((await asOf(tables)).map(({ stream, sequence }) => [stream, sequence]))
  for (const stream of Object.values(STREAMS)) {
    const { state } = await to.manager.streams.info(stream)
    if ((positions.get(stream) ?? 0) < state.last_seq) return false
  }
  return true
}

async function startClient(): Promise<Client> {
  const unlimited = { MCP_CALLS_PER_MINUTE: '1000000', MCP_CALL_BURST: '1000000' }
  const child = await startService('mcp', { ...env, ...unlimited, MCP_PORT: '0', MCP_TOKEN: TOKEN })
  const url = new URL(`http://127.0.0.1:${child.port}/mcp`)
  const started = new Client({ name: 'bench', version: '1' })
  const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } }
  await started.connect(new StreamableHTTPClientTransport(url, { requestInit }) as never)
  stack.defer(() => started.close())
  return started
}

/** A process of its own, as in production; it is gone when the bench is. */
async function startService(
  name: string,
  env: Record<string, string>,
): Promise<ChildProcess & { port: number | undefined }> {
  const main = fileURLToPath(new URL(`../../../services/${name}/src/main.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  stack.defer(() => void child.kill('SIGKILL'))
  const [{ port }] = (await once(child, 'message')) as [{ port?: number }]
  return Object.assign(child, { port })
}

async function timed(what: string, run: () => Promise<unknown>): Promise<void> {
  const began = performance.now()
  await run()
  console.log(`${what} in ${((performance.now() - began) / 1_000).toFixed(1)} s`)
}

function figure(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0)
}
