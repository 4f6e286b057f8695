import { type Measured, median } from '../harness/line.ts'
import { figure } from '../harness/table.ts'
import { compileTools, type StreamsRead } from '../native/tools.ts'
import { startNginxProxy } from '../proxy/nginx.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { takeTurns } from '../proxy/turns.ts'
import { atMost, type Row, sumErrors } from './row.ts'

const STREAMS = 1_000
const SMOKE_STREAMS = 100
const CHUNKS_PER_SECOND = 30
const DIRECT = 'direct'
const NGINX = 'nginx proxy_pass'
const BARE = 'bare fastify + undici'
const OURS = 'Fluxgate'

interface StreamsRun extends StreamsRead {
  readonly chunkMicros: number
  /** Share of a core that the source took, and the reader. */
  readonly sourceCores: number
  readonly readerCores: number
}

export const streams: Row = {
  id: 'streams',
  what: `${STREAMS} streams at once, ${CHUNKS_PER_SECOND} chunks/s each`,
  needs: ['nginx', 'gcc'],
  async run(pace) {
    await using env = await startTestEnv()
    const tools = await compileTools(env.directory)
    await using source = await tools.startSource(CHUNKS_PER_SECOND)
    const origin = `http://127.0.0.1:${source.port}`
    await using nginx = await startNginxProxy(origin)
    const bare = await env.bareProxy(origin)
    const gateway = await env.gateway(origin, { env: { UPSTREAM_CONNECTIONS: '8192' } })
    const subjects = [
      { name: DIRECT, port: source.port, authorization: 'none', process: source },
      { name: NGINX, port: nginx.port, authorization: 'none', process: nginx.process },
      { name: BARE, port: bare.port, authorization: 'none', process: bare.process },
      {
        name: OURS,
        port: gateway.port,
        process: gateway.process,
        authorization: `Bearer ${gateway.key}`,
      },
    ]
    const streams = pace.isSmoke ? SMOKE_STREAMS : STREAMS
    const results = await takeTurns(
      subjects,
      pace,
      async ({ process, ...call }, seconds): Promise<StreamsRun> => {
        const [cpuMs, sourceMs] = [await process.cpuMs(), await source.cpuMs()]
        const read = await tools.readStreams({ ...call, streams, chunks: seconds * CHUNKS_PER_SECOND })
        return {
          ...read,
          chunkMicros: (((await process.cpuMs()) - cpuMs) * 1_000) / read.chunks,
          sourceCores: ((await source.cpuMs()) - sourceMs) / read.wallMs,
          readerCores: read.cpuMs / read.wallMs,
        }
      },
    )
    return linesOf(results)
  },
}

function linesOf(results: ReadonlyMap<string, StreamsRun[]>): Measured[] {
  const line = (what: string, base: string, unit: string, of: (run: StreamsRun) => number) => ({
    row: streams.id,
    what,
    unit,
    ours: results.get(OURS)!.map(of),
    base: { name: base, values: results.get(base)!.map(of) },
    errors: sumErrors(results.get(OURS)!, results.get(base)!),
  })
  const delay = (run: StreamsRun) => run.p99Micros / 1_000
  const all = [...results.values()].flat()
  const cores = (of: (run: StreamsRun) => number) => figure(median(all.map(of)))
  const chunkMicros = (run: StreamsRun) => run.chunkMicros
  const { base: _, ...cpu } = line('CPU of a chunk', NGINX, 'µs', chunkMicros)
  return [
    {
      ...line('delay of a chunk, p99', DIRECT, 'ms', delay),
      compared: 'added',
      ...atMost(10, 3),
      note: `source ${cores(run => run.sourceCores)} and reader ${cores(run => run.readerCores)} of a core`,
    },
    ...[NGINX, BARE].map(base => ({
      ...line(`delay of a chunk, p99, beside ${base}`, base, 'ms', delay),
      compared: 'added' as const,
    })),
    { ...cpu, compared: 'alone', ...atMost(25, 10) },
    ...[NGINX, BARE].map(base => ({
      ...line(`CPU of a chunk beside ${base}`, base, 'µs', chunkMicros),
      compared: 'ratio' as const,
    })),
  ]
}
