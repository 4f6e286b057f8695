import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import {
  encodeEvent,
  eventMaker,
  type GuardPolicy,
  parseEvent,
  STREAMS,
  type StoredEvent,
  TokensSettled,
} from '@fluxgate/contracts'
import { WhatIf, whatIf } from '@fluxgate/forensics'
import { wholePolicy } from '@fluxgate/guard-core'
import { connectNats, EventPublisher, ensureTopology, type PublisherLimits } from '@fluxgate/nats'
import { createIds } from '@fluxgate/runtime'
import { startNatsServer } from '@fluxgate/testing'

/**
 * What-if over a log of token events, `npm run fluxgate -- bench:whatif [--events 1000000 --json]`. The events are published
 * into a real nats-server in a temporary folder (not timed) and replayed from there as the command does: read, parsed,
 * checked, folded: as messages of their own, as the first edition stored them, and in batches. Beside it the same events from
 * memory, as bytes, without the reading. Twice each: the results must be the same to the byte.
 */
const { values } = parseArgs({
  options: { events: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false } },
})
const EVENTS = Number(values.events)
const TURNS = 2
const IDENTITIES = 1_000
const MAX_AHEAD = 20_000
const POLICY: GuardPolicy = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 2_000 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 0,
}
const silent = { info() {}, warn() {}, error() {} }

let ids = 0
const SOURCE = '/bench/1'
const make = eventMaker(SOURCE, () => `event-${String(++ids).padStart(16, '0')}`, Date.now)
function event(n: number) {
  const total = (n * 7_919) % 97
  const identity = { user: `user${n % IDENTITIES}`, key: 'k1' }
  const counts = { usage: { input: 0, output: total }, total, reserved: total, progressed: 0 }
  const about = { request: `req_${String(n).padStart(12, '0')}`, tier: 'free', refillRate: 100, model: 'm' }
  return make(TokensSettled, { ...identity, ...about, ...counts, upstream: 'sim', source: 'reported' })
}

interface WhatIfFigures {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly decisions: number
}

async function fromLog(limits: Partial<PublisherLimits>): Promise<WhatIfFigures[]> {
  await using server = await startNatsServer()
  await using link = await connectNats({ url: server.url, name: 'bench' }, silent)
  await ensureTopology(link)
  {
    await using publisher = new EventPublisher(link, limits)
    for (let n = 0; n < EVENTS; n++) {
      publisher.append(event(n))
      if (n % MAX_AHEAD === MAX_AHEAD - 1) await publisher.flush()
    }
    await publisher.flush()
  }
  return await twice(async () => (await whatIf(link, POLICY, {})).result.rows)
}

function fromMemory(): Promise<WhatIfFigures[]> {
  const bytes = Array.from({ length: EVENTS }, (_, n) => Buffer.from(encodeEvent(event(n).event)))
  return twice(() => fold(bytes))
}

async function twice(run: () => readonly object[] | Promise<readonly object[]>): Promise<WhatIfFigures[]> {
  const digests = new Set<string>()
  const figures: WhatIfFigures[] = []
  for (let turn = 1; turn <= TURNS; turn++) {
    const startedAt = performance.now()
    const cpu = process.cpuUsage()
    const rows = await run()
    const seconds = (performance.now() - startedAt) / 1_000
    const { user, system } = process.cpuUsage(cpu)
    figures.push({ seconds, cpuSeconds: (user + system) / 1e6, decisions: rows.length })
    digests.add(digest(rows))
  }
  if (digests.size !== 1) throw new Error('not the same bytes twice')
  return figures
}

const digest = (value: object) =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)

function fold(bytes: readonly Buffer[]): readonly object[] {
  const fold = new WhatIf(wholePolicy(POLICY), { fromMs: 0, toMs: Number.POSITIVE_INFINITY })
  for (const [index, data] of bytes.entries()) {
    const parsed = parseEvent(data)
    if (!parsed.ok) throw new Error(parsed.reason)
    const place = {
      stream: STREAMS.tokens,
      sequence: index + 1,
      storedAtMs: Math.floor(index / 50),
      subject: '',
    }
    fold.add({ ...place, event: parsed.value } satisfies StoredEvent)
  }
  return fold.finish().rows
}

const batches = { source: SOURCE, newId: createIds(), partitions: 1 }
// Memory comes last: a million buffers would be the collector's burden while the log is read.
const figures = {
  fromLog: await fromLog({}),
  fromBatches: await fromLog({ batches }),
  fromMemory: await fromMemory(),
}
if (values.json) console.log(JSON.stringify(figures))
else {
  report('from the log', figures.fromLog)
  report('from batches', figures.fromBatches)
  report('from memory', figures.fromMemory)
}

function report(name: string, turns: readonly WhatIfFigures[]): void {
  const events = EVENTS.toLocaleString('en')
  for (const { seconds, cpuSeconds, decisions } of turns) {
    const rate = Math.round(EVENTS / seconds).toLocaleString('en')
    const took = `${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of CPU), ${rate}/s`
    console.log(`${name.padEnd(13)} ${events} events in ${took}, ${decisions} decisions`)
  }
}
