import { setTimeout as sleep } from 'node:timers/promises'
import { type Measured, median } from '../harness/line.ts'
import { figure } from '../harness/table.ts'
import { compileTools, type NativeTools } from '../native/tools.ts'
import type { GatewayProcess } from '../proxy/gateway-process.ts'
import { type Nginx, startNginx } from '../proxy/nginx.ts'
import { startTestEnv, type TestEnv } from '../proxy/test-env.ts'
import { BODY } from '../proxy/unary.ts'
import { type Figures, wrk } from '../proxy/wrk.ts'
import { atMost, type BenchPace, type Row } from './row.ts'

const MB = 1e6
const KB = 1e3
const IDLE_MS = 3_000
const OPEN_STREAMS = 2_000
/** Streams that speak all the time while the minutes pass. */
const SOAK_STREAMS = 200
const SMOKE_STREAMS = 50
const MANY_UPSTREAMS = { UPSTREAM_CONNECTIONS: '8192' }
/** As the reader opens them. */
const RAMP_MS = 1
const SETTLE_MS = 2_000
const CHUNKS_PER_SECOND = 30
const WARM_UP_SECONDS = 15
const SLICE_SECONDS = 5
const MIN_SAMPLES = 3
const CONNECTIONS = 32
/** A heap swings between two collections; less than this is no growth. */
const SWING_MB = 15

interface Bench {
  readonly env: TestEnv
  readonly model: Nginx
  readonly tools: NativeTools
}

export const memory: Row = {
  id: 'memory',
  what: 'resident memory of one gateway',
  needs: ['wrk', 'nginx', 'gcc'],
  async run(pace) {
    await using model = await startNginx()
    await using env = await startTestEnv()
    const bench = { model, env, tools: await compileTools(env.directory) }
    const measures = [idle, perStream, overRequests, overStreams]
    const lines: Measured[] = []
    for (const measure of measures) lines.push(await measure(bench, pace))
    return lines
  },
}

async function idle({ env, model }: Bench, { isSmoke, tell }: BenchPace): Promise<Measured> {
  tell('an idle gateway')
  const gateway = await env.gateway(model.origin)
  await sleep(isSmoke ? 0 : IDLE_MS)
  const ours = [(await gateway.process.residentBytes()) / MB]
  return { ...line('of an idle gateway', 'MB'), ours, errors: 0, ...atMost(150, 100) }
}

/** What streams add to a gateway that has served calls, so that it has its buffers and its young heap already. */
async function perStream(bench: Bench, { isSmoke, tell }: BenchPace): Promise<Measured> {
  const streams = isSmoke ? SMOKE_STREAMS : OPEN_STREAMS
  tell(`${streams} open streams`)
  await using source = await bench.tools.startSource(1)
  const gateway = await bench.env.gateway(`http://127.0.0.1:${source.port}`, { env: MANY_UPSTREAMS })
  const warm = await call(gateway, isSmoke ? 1 : WARM_UP_SECONDS)
  const before = await gateway.process.residentBytes()
  const openMs = streams * RAMP_MS + SETTLE_MS
  const reading = bench.tools.readStreams({
    port: gateway.port,
    authorization: gateway.headers.authorization!,
    streams,
    chunks: Math.ceil(openMs / 1_000) + 1,
  })
  await sleep(openMs)
  const after = await gateway.process.residentBytes()
  const read = await reading
  const ours = [(after - before) / streams / KB]
  return { ...line('of an open stream', 'kB'), ours, errors: warm.errors + read.errors, ...atMost(30, 15) }
}

async function overRequests(bench: Bench, { isSmoke, soak, tell }: BenchPace): Promise<Measured> {
  const gateway = await bench.env.gateway(bench.model.origin)
  const total = isSmoke ? 1 : soak.requests
  let [requests, errors] = [0, 0]
  const samples: number[] = []
  while (requests < total || samples.length < MIN_SAMPLES) {
    const figures = await call(gateway, isSmoke ? 1 : SLICE_SECONDS)
    requests += figures.requests
    errors += figures.errors
    samples.push((await gateway.process.residentBytes()) / MB)
    tell(`${requests} requests, ${figure(samples.at(-1)!)} MB`)
  }
  const what = `growth over ${isSmoke ? 'some' : total.toLocaleString('en')} requests`
  return { ...line(what, 'MB'), ...grown(samples), errors }
}

async function overStreams(bench: Bench, { isSmoke, soak, tell }: BenchPace): Promise<Measured> {
  await using source = await bench.tools.startSource(CHUNKS_PER_SECOND)
  const gateway = await bench.env.gateway(`http://127.0.0.1:${source.port}`, { env: MANY_UPSTREAMS })
  const streams = isSmoke ? SMOKE_STREAMS : SOAK_STREAMS
  const endMs = performance.now() + (isSmoke ? 0 : soak.minutes * 60_000)
  const samples: number[] = []
  let errors = 0
  while (performance.now() < endMs || samples.length < MIN_SAMPLES) {
    const chunks = (isSmoke ? 1 : SLICE_SECONDS) * CHUNKS_PER_SECOND
    const authorization = gateway.headers.authorization!
    const read = await bench.tools.readStreams({ port: gateway.port, authorization, streams, chunks })
    errors += read.errors
    samples.push((await gateway.process.residentBytes()) / MB)
    tell(`${streams} streams, ${figure(samples.at(-1)!)} MB`)
  }
  const what = `growth over ${isSmoke ? 'some' : soak.minutes} minutes of ${streams} streams`
  return { ...line(what, 'MB'), ...grown(samples), errors }
}

const line = (what: string, unit: string) => ({ row: memory.id, what, unit, compared: 'alone' as const })

/** From the middle third of the samples to the last: in the first third the heap takes its size. */
function grown(samples: readonly number[]): Pick<Measured, 'ours' | 'must' | 'note'> {
  const third = Math.floor(samples.length / 3)
  const [middle, last] = [median(samples.slice(third, 2 * third)), median(samples.slice(2 * third))]
  return {
    ours: [last - middle],
    must: { atMost: SWING_MB },
    note: `${figure(samples[0]!)} MB at first, ${figure(middle)} in the middle third, ${figure(last)} in the last`,
  }
}

function call({ url, headers }: GatewayProcess, seconds: number): Promise<Figures> {
  return wrk({ url, headers, body: BODY, connections: CONNECTIONS, seconds })
}
