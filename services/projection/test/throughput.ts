import { STREAMS } from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology } from '@fluxgate/nats'
import { migrateToLatest, openDatabase, requestTotals } from '@fluxgate/read-model'
import { createLog, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, startNatsServer, startPostgres } from '@fluxgate/testing'
import { readProjectionConfig } from '../src/config.ts'
import { startProjection } from '../src/service.ts'
import { workload } from './workload.ts'

/** Measures a rebuild from the log: `throughput [requests] [postgresql|pglite]`. */
const requests = Number(process.argv[2] ?? 35_000)
const kinds = process.argv[3] === undefined ? (['postgresql', 'pglite'] as const) : [process.argv[3]]

const events = workload({ requests })
const log = createLog('throughput', 'warn')
await using nats = await startNatsServer()
await using link = await connectNats({ url: nats.url, name: 'throughput' }, log)
await ensureTopology(link)
await using publisher = new EventPublisher(link)
const published = await timed(async () => {
  for (const event of events) publisher.append(event)
  await publisher.flush()
})
console.log(`published ${events.length} events, ${rate(published)}/s`)

for (const kind of kinds) {
  await using server = await startPostgres({ kind: kind as 'postgresql' | 'pglite' })
  const url = await createDatabase(server)
  await using db = openDatabase(url)
  await migrateToLatest(db)
  const last = new Map<string, number>()
  for (const stream of Object.values(STREAMS)) {
    last.set(stream, (await link.manager.streams.info(stream)).state.last_seq)
  }
  const env = { DATABASE_URL: url, NATS_URL: nats.url, ...process.env }
  const cpu = process.cpuUsage()
  const elapsed = await timed(async () => {
    await using projection = await startProjection(readConfig(env, readProjectionConfig), log)
    const isDone = () => [...last].every(([stream, sequence]) => projection.positionOf(stream) >= sequence)
    await eventually(isDone, { timeoutMs: 300_000, everyMs: 5 })
  })
  const { user, system } = process.cpuUsage(cpu)
  const cpuSeconds = ((user + system) / 1e6).toFixed(1)
  console.log(`${kind}: ${rate(elapsed)}/s in ${elapsed.toFixed(0)} ms, CPU of this process ${cpuSeconds} s`)
  console.log(JSON.stringify(await requestTotals(db)))
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function rate(ms: number): string {
  return Math.round((events.length * 1_000) / ms).toLocaleString('en')
}
