import { median } from '../harness/line.ts'
import { startNginx } from './nginx.ts'
import { startTestEnv } from './test-env.ts'
import { JSON_HEADERS, measureUnary } from './unary.ts'

/**
 * The unary path, `npm run fluxgate -- bench:proxy [rounds [seconds]]`: a gateway node with everything on (keys, limits, usage,
 * every event in JetStream; TLS off) against a bare fastify + undici proxy, turn by turn in one run, before the same
 * nginx. `PROFILE=<directory>` writes a CPU profile of the gateway there.
 */
const ROUNDS = Number(process.argv[2] ?? 3)
const SECONDS = Number(process.argv[3] ?? 5)

await using nginx = await startNginx()
await using env = await startTestEnv()
const bare = await env.bareProxy(nginx.origin)
const { PROFILE } = process.env
const flags = PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${PROFILE}`] : []
const gateway = await env.gateway(nginx.origin, { flags })
const subjects = [
  { name: 'bare fastify + undici', ...bare, headers: JSON_HEADERS },
  { name: 'fluxgate', ...gateway },
]
const pace = { rounds: ROUNDS, seconds: SECONDS, isSmoke: false, tell() {} }
const results = await measureUnary(subjects, pace)
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
