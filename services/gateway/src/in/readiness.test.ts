import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UpstreamStatus } from '../core/routing/upstream-status.ts'
import { get } from './edge/test/case.ts'
import { sendRaw } from './edge/test/raw.ts'
import { startEdge } from './edge/test/stand.ts'
import { type NeededParts, readinessOf } from './readiness.ts'

const DOWN: UpstreamStatus = {
  ...{ name: 'sim', url: 'http://127.0.0.1:1', healthy: false, circuit: 'open', opensInMs: 1_000 },
  ...{ inFlight: 0, maxInFlight: 1, weight: 1, dialects: ['openai'], models: null, latencyMs: null },
  ...{ calls: 1, failures: 1, lastError: null },
}

/** All that a node needs, though its one model server does not answer. */
const WHOLE: NeededParts = {
  drain: { begun: false },
  log: { full: false, fault: undefined },
  nats: { isConnected: () => true },
  throttles: { silentMs: () => 0 },
  upstreams: () => ({ upstreams: [DOWN] }),
}

const LACKS: ReadonlyArray<[part: string, says: RegExp, without: Partial<NeededParts>]> = [
  ['drain', /^the node is stopping$/, { drain: { begun: true } }],
  ['log', /^ENOSPC/, { log: { full: true, fault: 'ENOSPC: no space left' } }],
  ['log', /^it takes no new facts$/, { log: { full: true, fault: undefined } }],
  ['nats', /^disconnected$/, { nats: { isConnected: () => false } }],
  ['throttles', /^nothing heard/, { throttles: { silentMs: () => 5_000 } }],
  ['upstreams', /^neither DOWNSTREAM_AI_URLS nor UPSTREAMS_FILE/, { upstreams: () => ({ upstreams: [] }) }],
]

describe('/ready', () => {
  it('is 200 with all parts there, and 503 that names just the one that is missing, until it is back', async () => {
    await using stand = await startEdge()
    const askWith = async (parts: NeededParts) => {
      Object.assign(stand.checks, readinessOf(parts))
      const answer = (await sendRaw(stand.port, get('/ready'))).answers[0]!
      return { status: answer.status, ...JSON.parse(answer.body) }
    }
    assert.deepEqual(new Set(LACKS.map(([part]) => part)), new Set(Object.keys(readinessOf(WHOLE))))
    for (const [part, says, without] of LACKS) {
      assert.deepEqual(await askWith(WHOLE), { status: 200, ready: true, missing: {} })
      const { status, ready, missing } = await askWith({ ...WHOLE, ...without })
      assert.deepEqual([status, ready, Object.keys(missing)], [503, false, [part]])
      assert.match(missing[part], says)
      const health = (await sendRaw(stand.port, get('/health'))).answers[0]!
      assert.equal(health.status, 200, 'alive all the same')
    }
  })
})
