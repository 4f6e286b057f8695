import { PriceBook } from '@fluxgate/contracts'
import {
  type AdmittedCall,
  type CallEnd,
  openai,
  openTracing,
  RequestMetrics,
  ROUTES,
} from '@fluxgate/gateway/testing'
import { Counter, createMetrics, Histogram } from '@fluxgate/runtime'

/** What a call pays for being measured and traced, in microseconds a call; the receiver of spans is away. */
const CALLS = 200_000
const ROUNDS = 3

const call: AdmittedCall = {
  id: 'req_1',
  method: 'POST',
  path: '/v1/chat/completions',
  dialect: openai,
  address: '127.0.0.1',
  agent: undefined,
  traceparent: undefined,
  trace: undefined,
  startedMs: 0,
  model: 'gpt-5-mini',
  identity: { user: 'u', key: 'k' },
  identityText: 'u.k',
  tier: 'free',
  refillRate: 100,
  stream: false,
  promptChars: 10,
  promptEstimate: 10,
  reserved: 10,
  admittedAtMs: 0,
  prices: new PriceBook(undefined),
  route: ROUTES[0]!,
}
const end: CallEnd = {
  outcome: 'completed',
  ending: {
    upstream: 'a',
    status: 200,
    durationMs: 812,
    firstByteMs: 120,
    bytes: 900,
    attempts: 1,
    answered: 'gpt-5-mini',
  },
  settlement: {
    usage: { input: 10, output: 90 },
    total: 100,
    models: undefined,
    costMicros: undefined,
    source: 'reported',
    vendor: 'openai-chat',
    raw: undefined,
    unbalanced: false,
  },
  overheadMs: 0.3,
  errorType: undefined,
}

function report(name: string, action: () => void): void {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now()
    for (let i = 0; i < CALLS; i++) action()
    best = Math.min(best, performance.now() - startMs)
  }
  console.log(`${name.padEnd(44)} ${((best * 1_000) / CALLS).toFixed(2)} µs a call`)
}

report("the library's counters and histograms", library())
const metrics = new RequestMetrics(createMetrics('bench'))
report('our own, shown at the scrape', () => metrics.ended(call, end))

const tracing = (ratio: number) =>
  openTracing(
    {
      url: 'http://127.0.0.1:9/v1/traces',
      headers: {},
      isCompressed: false,
      timeoutMs: 100,
      protocol: 'http/json',
      resource: {},
      followsParent: true,
      ratio,
      maxQueued: 2_048,
      maxBatch: 512,
      delayMs: 5_000,
    },
    {
      originOf: () => 'http://a',
      log: { info() {}, warn() {} },
      nowMs: () => performance.now(),
      epochMs: Date.now,
    },
  )
for (const ratio of [0, 1]) {
  await using traced = tracing(ratio)
  report(`two spans, sampled ${ratio * 100} %`, () =>
    traced.ended({ ...call, trace: traced.begin(undefined) }, end),
  )
}

/** The same series, made the usual way. */
function library(): () => void {
  const registers = [createMetrics('bench')]
  const help = 'x'
  const histogram = (name: string, labelNames: string[]) =>
    new Histogram({ name, help, labelNames, registers })
  const counter = (name: string, labelNames: string[]) => new Counter({ name, help, labelNames, registers })
  const ended = counter('ended', ['outcome', 'dialect', 'upstream', 'status'])
  const tokens = counter('tokens', ['kind', 'model'])
  const bytes = counter('bytes', [])
  const duration = histogram('duration', ['dialect', 'outcome'])
  const firstByte = histogram('first_byte', ['dialect', 'upstream'])
  const overhead = histogram('overhead', ['dialect'])
  const sizes = histogram('sizes', ['kind'])
  return () => {
    const dialect = call.dialect.name
    const { outcome, ending, settlement } = end
    ended.inc({ outcome, dialect, upstream: ending.upstream, status: '2xx' })
    duration.observe({ dialect, outcome }, ending.durationMs / 1_000)
    firstByte.observe({ dialect, upstream: ending.upstream }, 0.12)
    overhead.observe({ dialect }, end.overheadMs / 1_000)
    tokens.inc({ kind: 'input', model: call.model }, settlement.usage.input)
    tokens.inc({ kind: 'output', model: call.model }, settlement.usage.output)
    sizes.observe({ kind: 'input' }, settlement.usage.input)
    sizes.observe({ kind: 'output' }, settlement.usage.output)
    bytes.inc(ending.bytes)
  }
}
