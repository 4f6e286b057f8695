import {
  eventMaker,
  type Identity,
  KeyAccepted,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  TokensSettled,
} from '@fluxgate/contracts'
import { readConfig } from '@fluxgate/runtime'
import { ulid } from 'ulid'
import { readGuardConfig } from '../src/config.ts'
import { startGuard } from '../src/service.ts'
import { log, settlement, startGuardBench } from '../src/test-bench.ts'

/**
 * From JetStream through the fold, every rule on: a backlog of ordinary calls in the three streams, read from its
 * beginning. `node services/guard/test/log-throughput.ts [calls]`
 */
const calls = Number(process.argv[2] ?? 60_000)
const IDENTITIES = 10_000
const LIMIT_MS = 60_000

await using bench = await startGuardBench()
const make = eventMaker('/test/1', ulid, Date.now)
let events = 0
for (let i = 0; i < calls; i++) {
  const identity = { user: `user${i % IDENTITIES}`, key: 'k1' }
  for (const event of call(identity, i < IDENTITIES)) {
    bench.publisher.append(event)
    events++
  }
  if (bench.publisher.full) await bench.publisher.flush()
}
await bench.publisher.flush()
// A leader before us that stored its positions and then read nothing.
const none = { sequence: 0, storedAtMs: Date.now() - 3_600_000 }
const left = { holder: '', term: 1, state: { TOKENS: none, REQUESTS: none, AUTH: none } }
await bench.link.jetstream.publish('$KV.leases.guard', JSON.stringify(left))

const config = readConfig({ NATS_URL: bench.server.url, METRICS_PORT: '0' }, readGuardConfig)
await using guard = await startGuard(config, log)
const startedAt = performance.now()
const cpuBefore = process.cpuUsage()
let leadsSince: number | undefined
while (performance.now() - startedAt < LIMIT_MS) {
  const text = await (await fetch(`http://127.0.0.1:${guard.metricsPort}/metrics`)).text()
  const folded = [...text.matchAll(/events_folded_total\{[^}]*\} (\d+)/g)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  )
  if (guard.isLeader()) leadsSince ??= performance.now()
  if (folded >= events && leadsSince !== undefined) {
    // From the start and not from the lead: a guard folds while it waits for the lead. The second figure is that of a
    // machine that others use too.
    const figure = (seconds: number) => Math.round(folded / seconds).toLocaleString('en')
    const { user, system } = process.cpuUsage(cpuBefore)
    console.log(
      `${folded} events of three streams from JetStream: ${figure((performance.now() - startedAt) / 1_000)} events/s, ` +
        `${figure((user + system) / 1e6)} events for each second of processor time`,
    )
    break
  }
  await new Promise(resolve => setTimeout(resolve, 5))
}

/** What one ordinary call leaves in the log. */
function call(identity: Identity, isFirst: boolean): OutgoingEvent[] {
  const request = `req_${ulid()}`
  const common = { request, ...identity, model: 'test' }
  const address = '10.0.0.1'
  const admitted = {
    ...{ ...common, tier: 'free', dialect: 'openai' as const, method: 'POST', path: '/v1/chat/completions' },
    ...{ stream: true, address, promptChars: 40, promptEstimate: 10, reserved: 20 },
  }
  const completed = { ...common, upstream: 'test', status: 200, durationMs: 12, bytes: 900 }
  return [
    make(RequestAdmitted, admitted),
    ...(isFirst ? [make(KeyAccepted, { ...identity, address, count: 1 })] : []),
    make(RequestCompleted, completed),
    make(TokensSettled, { ...settlement(identity, 1), request }),
  ]
}
