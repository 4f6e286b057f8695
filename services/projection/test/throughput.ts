import { execFile } from 'node:child_process'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { migrateToLatest, openDatabase, requestTotals } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  type PostgresServer,
  startNatsServer,
  startPostgres,
} from '@fluxgate/testing'
import { readProjectionConfig } from '../src/config.ts'
import { startProjection } from '../src/service.ts'
import { workload } from './workload.ts'

/**
 * Measures how fast a log is projected from its beginning, into fresh tables each time. The log is written by a process
 * of its own, whose events are no part of the projection's heap.
 *   npm run fluxgate -- bench:projection [--requests 40000] [--kind postgresql|pglite] [--runs 3] [--json]
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '40000' },
    kind: { type: 'string' },
    runs: { type: 'string', default: '3' },
    publish: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const log = createLog('throughput', 'warn')
const requests = Number(values.requests)

if (values.publish !== undefined) await publish(values.publish)
else {
  const tell = values.json ? () => {} : console.log
  const rates = await measure(tell)
  if (values.json) console.log(JSON.stringify(rates))
}

async function publish(url: string): Promise<void> {
  await using link = await connectNats({ url, name: 'throughput' }, log)
  await ensureTopology(link)
  await using publisher = new EventPublisher(link)
  for (const event of workload({ requests })) publisher.append(event)
  await publisher.flush()
}

/** Events/s of each run into each kind of server. */
async function measure(tell: (text: string) => void): Promise<Record<string, number[]>> {
  await using nats = await startNatsServer()
  const self = fileURLToPath(import.meta.url)
  await promisify(execFile)(process.execPath, [self, '--publish', nats.url, '--requests', String(requests)])
  await using link = await connectNats({ url: nats.url, name: 'throughput' }, log)
  const ends = await endsOf(link)
  const events = [...ends.values()].reduce((sum, end) => sum + end, 0)
  const kinds = values.kind === undefined ? ['postgresql', 'pglite'] : [values.kind]
  const found: Record<string, number[]> = {}
  for (const kind of kinds as Array<PostgresServer['kind']>) {
    await using server = await startPostgres({ kind })
    const rates: number[] = []
    for (let run = 0; run < Number(values.runs); run++) {
      const { ms, cpuMs, settled } = await project(server, nats.url, ends)
      const rate = Math.round((events * 1_000) / ms)
      rates.push(rate)
      const load = loadavg()[0]!.toFixed(1)
      tell(
        `${kind}: ${events} events in ${ms.toFixed(0)} ms, ${rate}/s; CPU of the projection ${cpuMs.toFixed(0)} ms; ` +
          `load ${load}; ${settled} settled`,
      )
    }
    tell(`${kind}: best of ${values.runs}: ${Math.max(...rates)} events/s`)
    found[kind] = rates
  }
  return found
}

async function project(server: PostgresServer, natsUrl: string, ends: ReadonlyMap<string, number>) {
  const url = await createDatabase(server)
  await using db = openDatabase(url)
  await migrateToLatest(db)
  const env = { DATABASE_URL: url, NATS_URL: natsUrl, ...process.env }
  const cpu = process.cpuUsage()
  const began = performance.now()
  {
    await using projection = await startProjection(readConfig(env, readProjectionConfig), log)
    const isDone = () => [...ends].every(([stream, sequence]) => projection.positionOf(stream) >= sequence)
    await eventually(isDone, { timeoutMs: 300_000, everyMs: 5 })
  }
  const ms = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  return { ms, cpuMs: (user + system) / 1_000, settled: (await requestTotals(db)).settled }
}

async function endsOf(link: NatsLink): Promise<Map<string, number>> {
  const ends = new Map<string, number>()
  for (const stream of Object.values(STREAMS)) {
    ends.set(stream, (await link.manager.streams.info(stream)).state.last_seq)
  }
  return ends
}
