import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMetrics } from '@fluxgate/runtime'
import type { SpoolFigures } from '../spool/index.ts'
import { spoolMetrics } from './spool-metrics.ts'

const FIGURES: SpoolFigures = {
  bytes: 4_096,
  commits: 7,
  commitMs: 1_500,
  faults: 1,
  damagedBytes: 20,
  alreadyStored: 3,
  uncertain: 2,
  lost: 4,
  oldestMs: 250,
}

it("the spool's metrics: what only grows is a counter, and all else a gauge", async () => {
  const registry = createMetrics('test')
  const spool = { figures: FIGURES, waiting: 5 }
  spoolMetrics(registry, spool, () => ({ alive: 11, dead: 2 }))
  const text = await registry.metrics()
  const types = [...text.matchAll(/^# TYPE (fluxgate_spool_\w+) (\w+)$/gm)].map(([, name, type]) => [
    name,
    type,
  ])
  assert.equal(types.length, 12)
  for (const [name, type] of types) assert.equal(type, name?.endsWith('_total') ? 'counter' : 'gauge', name)
  assert.match(text, /^fluxgate_spool_commit_seconds_total\{service="test"\} 1\.5$/m)
  assert.match(text, /^fluxgate_spool_oldest_seconds\{service="test"\} 0\.25$/m)
  assert.match(text, /^fluxgate_spool_waiting\{service="test"\} 5$/m)
  assert.match(text, /^fluxgate_spool_others_alive\{service="test"\} 11$/m)
  assert.match(text, /^fluxgate_spool_others_dead\{service="test"\} 2$/m)
  spool.waiting = 0
  assert.match(await registry.metrics(), /^fluxgate_spool_waiting\{service="test"\} 0$/m)
})
