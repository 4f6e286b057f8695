import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../harness/line.ts'
import type { GatewayProcess } from '../proxy/gateway-process.ts'
import { startNginx } from '../proxy/nginx.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { takeTurns } from '../proxy/turns.ts'
import { BODY } from '../proxy/unary.ts'
import { type Figures, wrk } from '../proxy/wrk.ts'
import { measureAlone } from './alone.ts'
import { measureSizes } from './sizes.ts'

/**
 * What the spool costs, `npm run fluxgate -- bench:spool [--rounds 5 --seconds 4 --directory /var/tmp --memory /dev/shm]`:
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
const CONNECTIONS = 32
const SIZED_REQUESTS = 20_000
const NO_SPOOL = ['--import', join(import.meta.dirname, 'no-spool.ts')]

await using nginx = await startNginx()
await using env = await startTestEnv()

const { directory, memory } = values
const subjects = [
  { name: 'no spool', node: 'none', directory, flags: NO_SPOOL },
  { name: 'spool in memory (tmpfs)', node: 'memory', directory: memory },
  { name: 'SPOOL_FSYNC=off (default)', node: 'default', directory },
  { name: 'SPOOL_FSYNC=commit', node: 'synced', directory, env: { SPOOL_FSYNC: 'commit' } },
]
interface Run extends Figures {
  readonly cpuMicros: number
  readonly commits: number
  readonly commitMicros: number
}
const measured: Array<{ name: string; gateway: GatewayProcess }> = []
for (const subject of subjects) {
  measured.push({ name: subject.name, gateway: await env.gateway(nginx.origin, subject) })
}
const pace = { rounds: ROUNDS, seconds: SECONDS, isSmoke: false, tell() {} }
const results = await takeTurns(measured, pace, ({ gateway }, seconds) => measure(gateway, seconds))
report()
for (const fsync of ['off', 'commit'] as const) {
  const { eventsPerSecond } = await measureAlone(directory, fsync)
  console.log(
    `the spool alone, SPOOL_FSYNC=${fsync}: ${Math.round(eventsPerSecond).toLocaleString('en')} events/s`,
  )
}
const sizes = await measureSizes(measured[2]!.gateway, env, BODY, SIZED_REQUESTS)
console.log('bytes of a plain request on disk:')
console.table(Object.fromEntries(Object.entries(sizes).map(([where, bytes]) => [where, Math.round(bytes)])))

async function measure(gateway: GatewayProcess, seconds: number): Promise<Run> {
  const { url, headers } = gateway
  const before = await countsOf(gateway)
  const figures = await wrk({ url, headers, body: BODY, connections: CONNECTIONS, seconds })
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
