import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR_MS } from '@fluxgate/contracts'
import { latencySeries, latencyTotal, type NewRow } from '../index.ts'
import { describeOnEachPostgres, rollUp } from './test-postgres.ts'

const T = Date.UTC(2026, 10, 23, 5)

describeOnEachPostgres('latency', database => {
  test('percentiles of long ranges are within the stated error', async () => {
    const db = database()
    // 10 ms to 100 s, evenly in logarithm, over three days; first bytes at a tenth.
    const took = Array.from({ length: 3_000 }, (_, i) => 10 ** (1 + (i * 4) / 3_000))
    const counts = new Map<string, NewRow<'latency_minutes'>>()
    for (const [i, ms] of took.entries()) {
      const minute = new Date(T + ((i * 7_919) % (3 * 1_440)) * 60_000)
      for (const [measure, value] of [['duration', ms] as const, ['first_byte', ms / 10] as const]) {
        const bucket = value <= 1 ? 0 : Math.ceil(8 * Math.log2(value))
        const place = `${minute.getTime()} ${measure} ${bucket}`
        const row = { minute, model: `m${i % 2}`, upstream: 'up', measure, bucket, count: 0 }
        counts.set(place + row.model, { ...row, count: (counts.get(place + row.model)?.count ?? 0) + 1 })
      }
    }
    await db
      .insertInto('latency_minutes')
      .values([...counts.values()])
      .execute()
    await rollUp(db, 'latency', ['count'])
    const scope = { from: T - 40 * HOUR_MS, to: T + 80 * HOUR_MS }
    const summary = await latencyTotal(db, scope)
    assert.deepEqual([summary.count, summary.firstByteCount], [3_000, 3_000])
    const near = (value: number | null, rank: number, times = 1) => {
      const exact = took[Math.ceil(rank * 3_000) - 1]! * times
      assert.ok(Math.abs(value! / exact - 1) <= 0.045, `${value} for ${exact}`)
    }
    near(summary.p50Ms, 0.5)
    near(summary.p95Ms, 0.95)
    near(summary.p99Ms, 0.99)
    near(summary.firstByteP50Ms, 0.5, 0.1)
    near(summary.firstByteP95Ms, 0.95, 0.1)
    const one = await latencyTotal(db, { ...scope, model: 'm1', upstream: 'up' })
    assert.equal(one.count, 1_500)
    const none = await latencyTotal(db, { ...scope, upstream: 'other' })
    assert.deepEqual([none.count, none.p50Ms, none.firstByteP95Ms], [0, null, null])
    for (const bucket of ['minute', 'hour', 'day'] as const) {
      const points = await latencySeries(db, { ...scope, bucket, by: 'model' })
      assert.equal(
        points.reduce((sum, point) => sum + point.count, 0),
        3_000,
        bucket,
      )
    }
    const days = await latencySeries(db, { ...scope, bucket: 'day' })
    assert.deepEqual(
      days.map(point => point.at),
      [0, 1, 2, 3].map(day => Date.UTC(2026, 10, 23 + day)),
    )
  })
})
