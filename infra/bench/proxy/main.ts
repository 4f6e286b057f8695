import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createDatabase, freePort, startNatsServer, startPostgres } from '@fluxgate/testing'
import { startNginx } from './nginx.ts'
import { type Process, startProcess } from './process.ts'
import { type Figures, wrk } from './wrk.ts'

/**
 * The unary path, `npm run bench:proxy [-- rounds [seconds]]`: a gateway node with everything on (keys, limits, usage,
 * every event in JetStream; TLS off) against a bare fastify + undici proxy, turn by turn in one run, before the same
 * nginx. `PROFILE=<directory>` writes a CPU profile of the gateway there.
 */
const ROUNDS = Number(process.argv[2] ?? 3)
const SECONDS = Number(process.argv[3] ?? 5)
const WARM_UP_SECONDS = 2
const CONNECTIONS = 32
const TOKEN = 'admin-token-of-the-bench'
const BODY = JSON.stringify({
  model: 'bench',
  max_tokens: 16,
  messages: [
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: 'Say hello to everybody who reads this benchmark.' },
  ],
})
const SERVICE = join(import.meta.dirname, '../../../services/gateway/src/main.ts')
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning']

await using stack = new AsyncDisposableStack()
const nginx = stack.use(await startNginx())
const bare = await startBare()
const gateway = await startGateway()
const subjects = [
  { name: 'bare fastify + undici', ...bare },
  { name: 'fluxgate', ...gateway },
]
const results = new Map<string, Array<Figures & { cpuMicros: number }>>()
for (let round = 0; round <= ROUNDS; round++) {
  for (const { name, url, key, process } of subjects) {
    const load = { url, headers: headersOf(key), body: BODY, connections: CONNECTIONS }
    const cpuMs = await process.cpuMs()
    const figures = await wrk({ ...load, seconds: round === 0 ? WARM_UP_SECONDS : SECONDS })
    if (round === 0) continue
    const cpuMicros = (((await process.cpuMs()) - cpuMs) * 1_000) / figures.requests
    results.set(name, [...(results.get(name) ?? []), { ...figures, cpuMicros }])
  }
}
report()

function report(): void {
  const rows = [...results].map(([name, runs]) => ({
    proxy: name,
    'requests/s': Math.round(median(runs.map(run => run.requestsPerSecond))),
    'CPU µs/request': Math.round(median(runs.map(run => run.cpuMicros))),
    'p50 ms': Number(median(runs.map(run => run.p50Ms)).toFixed(2)),
    'p99 ms': Number(median(runs.map(run => run.p99Ms)).toFixed(2)),
    errors: runs.reduce((sum, run) => sum + run.errors, 0),
  }))
  console.table(rows)
  const [base, ours] = [...results.values()]
  const ratios = ours!.map((run, i) => run.requestsPerSecond / base![i]!.requestsPerSecond)
  console.log(`ratio to the bare proxy, median of ${ROUNDS} rounds: ${median(ratios).toFixed(3)}`)
}

interface Subject {
  readonly url: string
  readonly key: string
  readonly process: Process
}

async function startBare(): Promise<Subject> {
  const port = await freePort()
  const main = join(import.meta.dirname, 'bare-proxy-main.ts')
  const args = [...NODE_FLAGS, main, String(port), nginx.origin]
  const child = stack.use(await startProcess(process.execPath, args, port))
  return { url: `http://127.0.0.1:${port}/v1/chat/completions`, key: 'none', process: child }
}

async function startGateway(): Promise<Subject> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-bench-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const nats = stack.use(await startNatsServer())
  const postgres = stack.use(await startPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const [publicPort, adminPort] = [await freePort(), await freePort()]
  const profile = process.env.PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.PROFILE}`] : []
  const child = stack.use(
    await startProcess(process.execPath, [...NODE_FLAGS, ...profile, SERVICE], publicPort, {
      NODE_ID: 'bench',
      NATS_URL: nats.url,
      DATABASE_URL: databaseUrl,
      JWT_SECRET: 's'.repeat(32),
      ADMIN_TOKEN: TOKEN,
      DOWNSTREAM_AI_URLS: nginx.origin,
      PUBLIC_HOST: '127.0.0.1',
      PUBLIC_PORT: String(publicPort),
      ADMIN_PORT: String(adminPort),
      TLS: 'off',
      LOG_LEVEL: 'error',
      FLUXGATE_DATA_DIR: dataDir,
    }),
  )
  const { key, id } = await admin<{ key: string; id: string }>(adminPort, 'keys/generate', {
    user_id: 'bench',
  })
  const limit = {
    identifier: `bench.${id}`,
    capacity: 1e12,
    refill_rate: 1e9,
    requests_per_minute: 1e12,
    concurrent_streams: 1e12,
  }
  await admin(adminPort, 'rate_limit', limit)
  return { url: `http://127.0.0.1:${publicPort}/v1/chat/completions`, key, process: child }
}

async function admin<T>(port: number, path: string, body: object): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/admin/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

function headersOf(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
