import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { DAY_MS, HOUR_MS } from '@fluxgate/contracts'
import {
  asOf,
  CursorError,
  type Database,
  gatewayMetrics,
  getRequest,
  listRequests,
  type NewRow,
  type RequestFilter,
  topIdentities,
  usageSeries,
  usageTotal,
} from '../index.ts'
import { describeOnEachPostgres, rollUp } from './test-postgres.ts'

const T = Date.UTC(2026, 10, 23, 5)

describeOnEachPostgres('queries', database => {
  let db: Database
  before(() => {
    db = database()
  })

  test('requests come newest first, by page and by filter', async () => {
    // Ten requests at five times: two share each, so that the id must break the tie.
    const rows = Array.from({ length: 10 }, (_, i) => requestRow(i))
    await db.insertInto('requests').values(rows).execute()
    const newest = rows.map(row => row.request_id).reverse()
    const seen: string[] = []
    let before: string | undefined
    do {
      const page = await listRequests(db, { limit: 3, ...(before === undefined ? {} : { before }) })
      seen.push(...page.items.map(item => item.id))
      before = page.next
    } while (before !== undefined)
    assert.deepEqual(seen, newest)
    const ids = async (filter: Omit<RequestFilter, 'limit'>) =>
      (await listRequests(db, { limit: 100, ...filter })).items.map(item => Number(item.id.slice(-2)))
    assert.deepEqual(await ids({ user: 'u1' }), [9, 7, 5, 3, 1])
    assert.deepEqual(await ids({ key: 'k2', from: T + 2_000 }), [8, 5])
    assert.deepEqual(await ids({ model: 'm0', to: T + 2_000 }), [3, 2, 1, 0])
    assert.deepEqual(await ids({ state: 'admitted' }), [5, 0])
    const [slow, large] = await Promise.all([ids({ minDurationMs: 40 }), ids({ minTokens: 7 })])
    assert.deepEqual(
      [slow, large],
      [
        [9, 8, 7, 6, 4],
        [9, 8, 7],
      ],
    )
    assert.deepEqual(await ids({ status: 503, upstream: 'sim' }), [8])
    const one = await getRequest(db, 'request_03')
    assert.deepEqual([one?.at, one?.state, one?.tier], [T + 1_000, 'completed', null])
    assert.equal(await getRequest(db, 'request_99'), undefined)
    for (const cursor of ['', 'x'.repeat(1_000), Buffer.from('[1e99,"a"]').toString('base64url')]) {
      await assert.rejects(listRequests(db, { limit: 1, before: cursor }), CursorError)
    }
  })

  test('usage sums by bucket, group and identity', async () => {
    const minutes = [0, 1, 60, 61].map(minute => ({ at: T + minute * 60_000, minute }))
    for (const { at, minute } of minutes) {
      await db
        .insertInto('usage_minutes')
        .values([usageRow(at, 'u1', 'k1', 'm1', 100 + minute), usageRow(at, 'u2', 'k2', 'm2', 10)])
        .execute()
    }
    await rollUp(db, 'usage', SUMMED)
    const scope = { from: T, to: T + 2 * HOUR_MS }
    const hours = await usageSeries(db, { ...scope, bucket: 'hour', by: 'model' })
    assert.deepEqual(
      hours.map(point => [point.at - T, point.group, point.totalTokens, point.meanDurationMs]),
      [
        [0, 'm1', 201, 5],
        [0, 'm2', 20, 5],
        [HOUR_MS, 'm1', 321, 5],
        [HOUR_MS, 'm2', 20, 5],
      ],
    )
    const whole = await usageSeries(db, { ...scope, bucket: 'day' })
    assert.deepEqual(
      whole.map(point => [point.group, point.totalTokens, point.admitted]),
      [[null, 562, 16]],
    )
    const own = await usageSeries(db, {
      ...scope,
      from: T + 60_000,
      bucket: 'minute',
      user: 'u2',
      by: 'identity',
    })
    assert.deepEqual(
      own.map(point => point.group),
      ['u2.k2', 'u2.k2', 'u2.k2'],
    )
    const top = await topIdentities(db, { ...scope, limit: 1 })
    assert.deepEqual(
      top.map(row => [row.userId, row.keyId, row.totalTokens]),
      [['u1', 'k1', 522]],
    )
  })

  test('a range out of days, hours and minutes is what the minutes alone tell', async () => {
    const rows = [-26 * 60, -61, -1, 0, 59, 60, 25 * 60, 49 * 60 + 7].map(minute =>
      usageRow(T + minute * 60_000, 'u9', 'k9', 'm9', 1_000 + minute),
    )
    for (const row of rows) {
      await db
        .insertInto('usage_minutes')
        .values(row)
        .onConflict(each => each.doNothing())
        .execute()
    }
    await rollUp(db, 'usage', SUMMED)
    const ranges = [-30 * 60, -90, -60, -1, 0, 1, 30, 60, 61, 24 * 60, 50 * 60]
    for (const from of ranges) {
      for (const to of ranges.filter(each => each > from)) {
        const scope = { from: T + from * 60_000, to: T + to * 60_000, user: 'u9' }
        const within = rows.filter(row => {
          const at = (row.minute as Date).getTime()
          return at >= scope.from && at < scope.to
        })
        const tokens = within.reduce((sum, row) => sum + row.total_tokens, 0)
        const total = await usageTotal(db, scope)
        assert.deepEqual(
          [total.totalTokens, total.costMicros],
          [tokens, within.length * 7],
          `${from} to ${to}`,
        )
        // Of a range that ends now the running day is read whole.
        const dayEnd = Math.ceil(scope.to / DAY_MS) * DAY_MS
        const sofar = rows.filter(row => (row.minute as Date).getTime() >= scope.from)
        const open = await usageTotal(db, { ...scope, nowMs: scope.to })
        assert.equal(
          open.totalTokens,
          sofar
            .filter(row => (row.minute as Date).getTime() < dayEnd)
            .reduce((sum, row) => sum + row.total_tokens, 0),
          `${from} to ${to}, which is now`,
        )
        for (const bucket of ['minute', 'hour', 'day'] as const) {
          const points = await usageSeries(db, { ...scope, bucket })
          assert.equal(
            points.reduce((sum, point) => sum + point.totalTokens, 0),
            tokens,
          )
        }
      }
    }
    await db.deleteFrom('usage_minutes').where('user_id', '=', 'u9').execute()
    await rollUp(db, 'usage', SUMMED)
  })

  test('the metrics tell window, totals and how fresh they are', async () => {
    const empty = await gatewayMetrics(db, { windowMs: 60_000, nowMs: T - DAY_MS })
    assert.deepEqual([empty.window.admitted, empty.window.meanDurationMs, empty.asOf], [0, 0, []])
    await db
      .updateTable('request_totals')
      .set({ admitted: 7, completed: 4, failed: 1, interrupted: 1 })
      .execute()
    const checkpoint = { projection: 'read-model', version: 1, stream: 'REQUESTS', sequence: 42 }
    await db
      .insertInto('projection_checkpoints')
      .values({ ...checkpoint, event_time: new Date(T), updated_at: new Date(T + 5) })
      .execute()
    // Nothing is behind it, as behind a real now.
    const nowMs = T + 61 * 60_000 + 30_000
    const metrics = await gatewayMetrics(db, { windowMs: 60_000, nowMs })
    assert.deepEqual([metrics.from, metrics.to], [T + HOUR_MS, nowMs])
    assert.deepEqual([metrics.window.totalTokens, metrics.window.completed], [341, 4])
    assert.deepEqual(
      metrics.identities.map(row => row.userId),
      ['u1', 'u2'],
    )
    assert.deepEqual(
      metrics.models.map(row => row.model),
      ['m1', 'm2'],
    )
    assert.equal(metrics.totals.inFlight, 1)
    const unseen = { seenAt: null, lagMessages: null, lagMs: null }
    assert.deepEqual(metrics.asOf, [{ ...checkpoint, eventAt: T, updatedAt: T + 5, ...unseen }])
    assert.deepEqual(await asOf(db), metrics.asOf)
    await db
      .insertInto('projection_heads')
      .values({ stream: 'REQUESTS', sequence: 45, seen_at: new Date(T + 2_000) })
      .execute()
    const [behind] = await asOf(db)
    assert.deepEqual([behind?.lagMessages, behind?.lagMs, behind?.seenAt], [3, 2_000, T + 2_000])
    await db.updateTable('projection_checkpoints').set({ sequence: 45 }).execute()
    const [level] = await asOf(db)
    assert.deepEqual([level?.lagMessages, level?.lagMs], [0, 0])
  })
})

function requestRow(i: number): NewRow<'requests'> {
  return {
    request_id: `request_0${i}`,
    user_id: `u${i % 2}`,
    key_id: `k${i % 3}`,
    state: i % 5 === 0 ? 'admitted' : 'completed',
    at: new Date(T + Math.floor(i / 2) * 1_000),
    model: `m${Math.floor(i / 5)}`,
    upstream: 'sim',
    status: i === 8 ? 503 : 200,
    duration_ms: i === 5 ? null : i * 10,
    total_tokens: i,
  }
}

function usageRow(
  at: number,
  user: string,
  key: string,
  model: string,
  tokens: number,
): NewRow<'usage_minutes'> {
  return {
    minute: new Date(at),
    user_id: user,
    key_id: key,
    model,
    upstream: 'up',
    admitted: 2,
    refused: 1,
    completed: 1,
    failed: 0,
    interrupted: 1,
    settled: 2,
    prompt_tokens: tokens - 4,
    completion_tokens: 4,
    total_tokens: tokens,
    duration_ms_sum: 10,
    first_byte_ms_sum: 6,
    first_byte_count: 2,
    bytes: 100,
    cost_micros: 7,
  }
}

const SUMMED = [
  ...['admitted', 'refused', 'completed', 'failed', 'interrupted', 'settled', 'prompt_tokens'],
  ...[
    'completion_tokens',
    'total_tokens',
    'duration_ms_sum',
    'first_byte_ms_sum',
    'first_byte_count',
    'bytes',
  ],
  ...['cached_tokens', 'cost_micros'],
]
