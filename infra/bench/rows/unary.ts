import { type Line, type Measured, median } from '../harness/line.ts'
import { figure } from '../harness/table.ts'
import { startNginx, startNginxProxy } from '../proxy/nginx.ts'
import { installPortkey, startPortkey } from '../proxy/portkey.ts'
import { cpuMsOf } from '../proxy/process.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { JSON_HEADERS, measureUnary, type Subject, type UnaryRun } from '../proxy/unary.ts'
import { atLeast, type BenchPace, type Row, sumErrors } from './row.ts'

const OURS = 'Fluxgate'
const BARE = 'bare fastify + undici'
const NGINX = 'nginx proxy_pass'
const PORTKEY = '@portkey-ai/gateway'

export const unary: Row = {
  id: 'unary',
  what: 'chat completions, everything on, TLS off, 32 connections',
  needs: ['wrk', 'nginx'],
  async run(pace) {
    await using stack = new AsyncDisposableStack()
    const model = stack.use(await startNginx())
    const env = stack.use(await startTestEnv())
    const nginx = stack.use(await startNginxProxy(model.origin))
    const portkey = await portkeyOf(pace, model.origin, stack)
    const url = `${nginx.origin}/v1/chat/completions`
    const behind = { cpuMs: () => cpuMsOf(env.nats.pid) }
    const subjects: Subject[] = [
      { name: BARE, headers: JSON_HEADERS, ...(await env.bareProxy(model.origin)) },
      { name: NGINX, headers: JSON_HEADERS, url, process: nginx.process },
      { name: OURS, behind, ...(await env.gateway(model.origin)) },
    ]
    if ('url' in portkey) subjects.push(portkey)
    const results = await measureUnary(subjects, pace)
    return linesOf(results, 'missing' in portkey ? portkey.missing : undefined)
  },
}

function linesOf(results: ReadonlyMap<string, UnaryRun[]>, noPortkey: string | undefined): Line[] {
  const [ours, bare] = [results.get(OURS)!, results.get(BARE)!]
  const errors = sumErrors(ours, bare)
  return [
    speed(results, BARE, atLeast(0.55, 0.8)),
    noPortkey === undefined
      ? speed(results, PORTKEY, atLeast(12, 20))
      : { row: unary.id, what: `requests/s beside ${PORTKEY}`, skipped: noPortkey },
    speed(results, NGINX, { aim: { atLeast: 0.3 } }),
    {
      row: unary.id,
      what: 'CPU of a request',
      unit: 'µs',
      compared: 'ratio',
      errors,
      ours: ours.map(run => run.cpuMicros),
      base: { name: BARE, values: bare.map(run => run.cpuMicros) },
    },
    {
      row: unary.id,
      what: 'CPU of nats-server for a request',
      unit: 'µs',
      compared: 'alone',
      errors,
      ours: ours.map(run => run.behindMicros),
    },
  ]
}

function speed(
  results: ReadonlyMap<string, UnaryRun[]>,
  name: string,
  bounds: Pick<Measured, 'must' | 'aim'>,
): Measured {
  const [ours, base] = [results.get(OURS)!, results.get(name)!]
  return {
    row: unary.id,
    what: `requests/s beside ${name}`,
    unit: '/s',
    compared: 'ratio',
    ...bounds,
    ours: ours.map(run => run.requestsPerSecond),
    base: { name, values: base.map(run => run.requestsPerSecond) },
    errors: sumErrors(ours, base),
    note: `${latencies(OURS, ours)}; ${latencies(name, base)}`,
  }
}

function latencies(name: string, runs: readonly UnaryRun[]): string {
  const [p50, p99, cpu] = [
    runs.map(run => run.p50Ms),
    runs.map(run => run.p99Ms),
    runs.map(run => run.cpuMicros),
  ].map(values => figure(median(values)))
  return `${name} p50 ${p50} ms, p99 ${p99} ms, ${cpu} µs of CPU`
}

async function portkeyOf(
  { isSmoke }: BenchPace,
  upstream: string,
  stack: AsyncDisposableStack,
): Promise<Subject | { readonly missing: string }> {
  if (isSmoke) return { missing: 'a smoke run installs nothing from the npm registry' }
  const installed = await installPortkey()
  if ('missing' in installed) return installed
  const started = await startPortkey(installed.main, upstream)
  stack.use(started.process)
  return { ...started, name: PORTKEY }
}
