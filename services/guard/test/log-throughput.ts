import { parseArgs } from 'node:util'
import {
  type EventMaker,
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
import { type GuardBench, log, settlement, startGuardBench } from '../src/test-bench.ts'

/**
 * From JetStream through the fold, every rule on: a backlog of ordinary calls in the three streams, read from its
 * beginning. `node services/guard/test/log-throughput.ts [--calls 60000] [--json]`
 */
const IDENTITIES = 10_000
const LIMIT_MS = 60_000

interface LogFigures {
  readonly events: number
  /** From the start and not from the lead: a guard folds while it waits for the lead. */
  readonly eventsPerSecond: number
  /** For each second of processor time: the figure of a machine that others use too. */
  readonly eventsPerCpuSecond: number
}

async function measureLog(calls: number): Promise<LogFigures> {
  await using bench = await startGuardBench()
  const events = await publish(bench, calls)
  // A leader before us that stored its positions and then read nothing.
  const none = { sequence: 0, storedAtMs: Date.now() - 3_600_000 }
  const left = { holder: '', term: 1, state: { TOKENS: none, REQUESTS: none, AUTH: none } }
  await bench.link.jetstream.publish('$KV.leases.guard', JSON.stringify(left))

  const config = readConfig({ NATS_URL: bench.server.url, METRICS_PORT: '0' }, readGuardConfig)
  await using guard = await startGuard(config, log)
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  while (performance.now() - startedAt < LIMIT_MS) {
    const text = await (await fetch(`http://127.0.0.1:${guard.metricsPort}/metrics`)).text()
    const folded = [...text.matchAll(/events_folded_total\{[^}]*\} (\d+)/g)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
    if (folded >= events && guard.isLeader()) {
      const { user, system } = process.cpuUsage(cpuBefore)
      const seconds = (performance.now() - startedAt) / 1_000
      return {
        events: folded,
        eventsPerSecond: folded / seconds,
        eventsPerCpuSecond: folded / ((user + system) / 1e6),
      }
    }
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  throw new Error(`${events} events were not folded within ${LIMIT_MS} ms`)
}

async function publish(bench: GuardBench, calls: number): Promise<number> {
  const make = eventMaker('/test/1', ulid, Date.now)
  let events = 0
  for (let i = 0; i < calls; i++) {
    const identity = { user: `user${i % IDENTITIES}`, key: 'k1' }
    for (const event of callEvents(make, identity, i < IDENTITIES)) {
      bench.publisher.append(event)
      events++
    }
    if (bench.publisher.full) await bench.publisher.flush()
  }
  await bench.publisher.flush()
  return events
}

/** What one ordinary call leaves in the log. */
function callEvents(make: EventMaker, identity: Identity, isFirst: boolean): OutgoingEvent[] {
  const request = `req_${ulid()}`
  const common = { request, ...identity, model: 'test' }
  const address = '10.0.0.1'
  const admitted = {
    ...common,
    tier: 'free',
    dialect: 'openai' as const,
    method: 'POST',
    path: '/v1/chat/completions',
    stream: true,
    address,
    promptChars: 40,
    promptEstimate: 10,
    reserved: 20,
  }
  const completed = { ...common, upstream: 'test', status: 200, durationMs: 12, bytes: 900 }
  return [
    make(RequestAdmitted, admitted),
    ...(isFirst ? [make(KeyAccepted, { ...identity, address, count: 1 })] : []),
    make(RequestCompleted, completed),
    make(TokensSettled, { ...settlement(identity, 1), request }),
  ]
}

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '60000' }, json: { type: 'boolean', default: false } },
})
const figures = await measureLog(Number(values.calls))
if (values.json) console.log(JSON.stringify(figures))
else {
  const figure = (value: number) => Math.round(value).toLocaleString('en')
  console.log(
    `${figures.events} events of three streams from JetStream: ${figure(figures.eventsPerSecond)} events/s, ` +
      `${figure(figures.eventsPerCpuSecond)} events for each second of processor time`,
  )
}
