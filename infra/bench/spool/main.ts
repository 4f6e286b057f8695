import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createDatabase, startNatsServer, startPostgres } from '@fluxgate/testing'
import { startNginx } from '../proxy/nginx.ts'
import { type Figures, wrk } from '../proxy/wrk.ts'
import { measureAlone } from './alone.ts'
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts'
import { measureSizes } from './sizes.ts'

/**
 * What the spool costs, `npm run bench:spool [-- --rounds 5 --seconds 4 --directory /var/tmp --memory /dev/shm]`:
 * gateway nodes that differ in their spool alone, on one log and one database, turn by turn in one run; the baseline
 * keeps its events in memory and loses them when it is killed. Then the spool by itself, and the sizes of a request.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    directory: { type: 'string', default: tmpdir() },
    memory: { type: 'string', default: '/dev/shm' },
  },
})
const ROUNDS = Number(values.rounds)
const SECONDS = Number(values.seconds)
const WARM_UP_SECONDS = 2
const CONNECTIONS = 32
const BODY = JSON.stringify({
  model: 'bench',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Say hello to everybody who reads this benchmark.' }],
})
const NO_SPOOL = ['--import', join(import.meta.dirname, 'no-spool.ts')]

await using stack = new AsyncDisposableStack()
const nginx = stack.use(await startNginx())
const nats = stack.use(await startNatsServer())
const postgres = stack.use(await startPostgres())
const databaseUrl = await createDatabase(postgres)
const db = openDatabase(databaseUrl)
await migrateToLatest(db)
await db.destroy()

const env = { NATS_URL: nats.url, DATABASE_URL: databaseUrl, DOWNSTREAM_AI_URLS: nginx.origin }
const { directory, memory } = values
const subjects = [
  { name: 'no spool', node: 'none', directory, flags: NO_SPOOL, env },
  { name: 'spool in memory (tmpfs)', node: 'memory', directory: memory, env },
  { name: 'SPOOL_FSYNC=off (default)', node: 'default', directory, env },
  { name: 'SPOOL_FSYNC=commit', node: 'synced', directory, env: { ...env, SPOOL_FSYNC: 'commit' } },
]
interface Run extends Figures {
  readonly cpuMicros: number
  readonly commits: number
  readonly commitMicros: number
}
const results = new Map<string, Run[]>(subjects.map(({ name }) => [name, []]))
const gateways: GatewayProcess[] = []
for (const subject of subjects) gateways.push(stack.use(await startGatewayProcess(subject)))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [i, { name }] of subjects.entries()) {
    const run = await measure(gateways[i]!, round === 0 ? WARM_UP_SECONDS : SECONDS)
    if (round > 0) results.get(name)!.push(run)
  }
}
report()
for (const fsync of ['off', 'commit'] as const) {
  const { eventsPerSecond } = await measureAlone(directory, fsync)
  console.log(
    `the spool alone, SPOOL_FSYNC=${fsync}: ${Math.round(eventsPerSecond).toLocaleString('en')} events/s`,
  )
}
const sizes = await measureSizes(gateways[2]!, nats, databaseUrl, BODY)
console.log('bytes of a plain request on disk:')
console.table(Object.fromEntries(Object.entries(sizes).map(([where, bytes]) => [where, Math.round(bytes)])))

async function measure(gateway: GatewayProcess, seconds: number): Promise<Run> {
  const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' }
  const before = await countsOf(gateway)
  const figures = await wrk({ url: gateway.url, headers, body: BODY, connections: CONNECTIONS, seconds })
  const after = await countsOf(gateway)
  return {
    ...figures,
    cpuMicros: ((after.cpuMs - before.cpuMs) * 1_000) / figures.requests,
    commits: (after.commits - before.commits) / figures.requests,
    commitMicros: ((after.commitSeconds - before.commitSeconds) * 1e6) / figures.requests,
  }
}

async function countsOf(gateway: GatewayProcess) {
  return {
    cpuMs: await gateway.process.cpuMs(),
    commits: await gateway.metric('fluxgate_spool_commits_total'),
    commitSeconds: await gateway.metric('fluxgate_spool_commit_seconds_total'),
  }
}

function report(): void {
  const base = results.get(subjects[0]!.name)!
  const rows = [...results].map(([name, runs]) => ({
    spool: name,
    'requests/s': Math.round(median(runs.map(run => run.requestsPerSecond))),
    // Of the turns that stood side by side: the machine may have been busier in one round than in another.
    ratio: Number(
      median(runs.map((run, i) => run.requestsPerSecond / base[i]!.requestsPerSecond)).toFixed(3),
    ),
    'CPU µs/request': Math.round(median(runs.map(run => run.cpuMicros))),
    'p50 ms': Number(median(runs.map(run => run.p50Ms)).toFixed(2)),
    'p99 ms': Number(median(runs.map(run => run.p99Ms)).toFixed(2)),
    'writes/request': Number(median(runs.map(run => run.commits)).toFixed(2)),
    'µs in writes (and syncs)/request': Number(median(runs.map(run => run.commitMicros)).toFixed(1)),
    errors: runs.reduce((sum, run) => sum + run.errors, 0),
  }))
  console.table(rows)
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
