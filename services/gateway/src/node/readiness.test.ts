import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { get } from '../edge/test/case.ts'
import { startEdge } from '../edge/test/env.ts'
import { sendRaw } from '../edge/test/raw.ts'
import type { UpstreamStatus } from '../upstreams/upstream-status.ts'
import { type NeededParts, readinessOf } from './readiness.ts'

const DOWN: UpstreamStatus = {
  name: 'sim',
  url: 'http://127.0.0.1:1',
  healthy: false,
  circuit: 'open',
  opensInMs: 1_000,
  inFlight: 0,
  maxInFlight: 1,
  weight: 1,
  dialects: ['openai'],
  models: null,
  latencyMs: null,
  calls: 1,
  failures: 1,
  lastError: null,
}

/** All that a node needs, though its one model server does not answer. */
const WHOLE: NeededParts = {
  drain: { begun: false },
  log: { full: false, fault: undefined },
  nats: { isConnected: () => true },
  throttles: { silentMs: () => 0 },
  upstreams: () => ({ upstreams: [DOWN] }),
}

type Lack = [part: string, says: RegExp, without: Partial<NeededParts>]

const LACKS: readonly Lack[] = [
  ['drain', /^the node is stopping$/, { drain: { begun: true } }],
  ['log', /^ENOSPC/, { log: { full: true, fault: 'ENOSPC: no space left' } }],
  ['log', /^it takes no new events$/, { log: { full: true, fault: undefined } }],
  ['upstreams', /^neither DOWNSTREAM_AI_URLS nor UPSTREAMS_FILE/, { upstreams: () => ({ upstreams: [] }) }],
]
const DEGRADED: readonly Lack[] = [
  ['nats', /^disconnected: events wait in the spool$/, { nats: { isConnected: () => false } }],
  ['throttles', /^nothing heard of the throttles bucket for 5 s/, { throttles: { silentMs: () => 5_900 } }],
]

interface ReadyAnswer {
  readonly status: number
  readonly ready: boolean
  readonly missing: Record<string, string>
  readonly warnings?: Record<string, string>
}

/** Asks a running edge's `/ready` as a node with these parts answers it. */
async function startAsking() {
  const env = await startEdge()
  return {
    env,
    async askWith(parts: NeededParts): Promise<ReadyAnswer> {
      const { needed, degraded } = readinessOf(parts)
      Object.assign(env.checks, needed)
      Object.assign(env.warnings, degraded)
      const answer = (await sendRaw(env.port, get('/ready'))).answers[0]!
      return { status: answer.status, ...JSON.parse(answer.body) }
    },
    [Symbol.asyncDispose]: () => env[Symbol.asyncDispose](),
  }
}

describe('/ready', () => {
  it('is 200 with all parts there, and 503 that names just the one that is missing, until it is back', async () => {
    await using asking = await startAsking()
    assert.deepEqual(new Set(LACKS.map(([part]) => part)), new Set(Object.keys(readinessOf(WHOLE).needed)))
    for (const [part, says, without] of LACKS) {
      assert.deepEqual(await asking.askWith(WHOLE), { status: 200, ready: true, missing: {} })
      const { status, ready, missing } = await asking.askWith({ ...WHOLE, ...without })
      assert.deepEqual([status, ready, Object.keys(missing)], [503, false, [part]])
      assert.match(missing[part] ?? '', says)
      const health = (await sendRaw(asking.env.port, get('/health'))).answers[0]!
      assert.equal(health.status, 200, 'alive all the same')
    }
  })

  it('is 200 with a warning when the node serves from its spool and its caches', async () => {
    await using asking = await startAsking()
    assert.deepEqual(
      new Set(DEGRADED.map(([part]) => part)),
      new Set(Object.keys(readinessOf(WHOLE).degraded)),
    )
    for (const [part, says, without] of DEGRADED) {
      const { status, ready, missing, warnings = {} } = await asking.askWith({ ...WHOLE, ...without })
      assert.deepEqual([status, ready, missing, Object.keys(warnings)], [200, true, {}, [part]])
      assert.match(warnings[part] ?? '', says)
    }
  })

  it('is 503 when NATS is away and the spool is full', async () => {
    await using asking = await startAsking()
    const parts = { nats: { isConnected: () => false }, log: { full: true, fault: 'the spool is full' } }
    const { status, missing, warnings } = await asking.askWith({ ...WHOLE, ...parts })
    assert.deepEqual([status, missing], [503, { log: 'the spool is full' }])
    assert.deepEqual(Object.keys(warnings ?? {}), ['nats'])
  })
})
