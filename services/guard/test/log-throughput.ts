import { eventMaker, TokensSettled } from '@fluxgate/contracts'
import { readConfig } from '@fluxgate/runtime'
import { ulid } from 'ulid'
import { readGuardConfig } from '../src/config.ts'
import { startGuard } from '../src/service.ts'
import { log, settlement, startGuardBench } from '../src/test-bench.ts'

/**
 * From JetStream through the fold: a backlog of ordinary traffic, read from its beginning.
 * `node services/guard/test/log-throughput.ts [events]`
 */
const events = Number(process.argv[2] ?? 200_000)
const IDENTITIES = 10_000

await using bench = await startGuardBench()
const make = eventMaker('/test/1', ulid, Date.now)
for (let i = 0; i < events; i++) {
  bench.publisher.append(make(TokensSettled, settlement({ user: `user${i % IDENTITIES}`, key: 'k1' }, 1)))
  if (bench.publisher.full) await bench.publisher.flush()
}
await bench.publisher.flush()
// A leader before us that stored its position and then read nothing.
const left = { holder: '', term: 1, state: { sequence: 0, storedAtMs: Date.now() - 3_600_000 } }
await bench.link.jetstream.publish('$KV.leases.guard', JSON.stringify(left))

const config = readConfig({ NATS_URL: bench.server.url, METRICS_PORT: '0' }, readGuardConfig)
await using guard = await startGuard(config, log)
let startedAt: number | undefined
for (;;) {
  const text = await (await fetch(`http://127.0.0.1:${guard.metricsPort}/metrics`)).text()
  const folded = Number(/events_folded_total\{[^}]*\} (\d+)/.exec(text)?.[1] ?? 0)
  if (guard.isLeader()) startedAt ??= performance.now()
  if (folded >= events && startedAt !== undefined) {
    const perSecond = (folded / (performance.now() - startedAt)) * 1_000
    console.log(`${folded} events from JetStream: ${Math.round(perSecond).toLocaleString('en')} events/s`)
    break
  }
  await new Promise(resolve => setTimeout(resolve, 5))
}
