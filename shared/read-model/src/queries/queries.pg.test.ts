import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DAY_MS, HOUR_MS } from '@fluxgate/contracts'
import { createDatabase, type PostgresServer, startPostgres, testPostgres } from '@fluxgate/testing'
import {
  asOf,
  authEvents,
  CursorError,
  currentThrottle,
  type Database,
  gatewayMetrics,
  getIncident,
  getRequest,
  latencySeries,
  latencyTotal,
  listIncidents,
  listRequests,
  listThrottles,
  migrateToLatest,
  type NewRow,
  openDatabase,
  type RequestFilter,
  runScript,
  topIdentities,
  usageSeries,
  usageTotal,
} from '../index.ts'

const T = Date.UTC(2026, 10, 23, 5)

for (const kind of [undefined, 'pglite'] as const) {
  describe(`queries on ${kind ?? 'the best Postgres there is'}`, () => {
    let server: PostgresServer
    let db: Database
    before(async () => {
      server = await (kind ? startPostgres({ kind }) : testPostgres())
      db = openDatabase(await createDatabase(server))
      await migrateToLatest(db)
    })
    after(async () => {
      await db.destroy()
      await server[Symbol.asyncDispose]()
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

    test('percentiles of long ranges are within the stated error', async () => {
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

    test('incidents, throttles and auth events', async () => {
      const incident = (n: number): NewRow<'incidents'> => ({
        id: `inc_0000000${n}`,
        user_id: 'u1',
        key_id: 'k1',
        rule: 'context_flood',
        severity: 'high',
        state: n === 1 ? 'opened' : 'closed',
        explanation: 'e',
        action: 'throttled',
        sequence: n,
        numbers: '{"tokens": 5}',
        evidence: '[{"stream": "TOKENS", "sequence": 3}]',
        opened_at: new Date(T + n),
      })
      await db
        .insertInto('incidents')
        .values([incident(1), incident(2), incident(3)])
        .execute()
      const first = await listIncidents(db, { limit: 2 })
      const second = await listIncidents(db, { limit: 2, before: first.next ?? '' })
      assert.deepEqual(
        [...first.items, ...second.items].map(item => item.sequence),
        [3, 2, 1],
      )
      assert.equal(second.next, undefined)
      assert.deepEqual((await listIncidents(db, { limit: 9, state: 'opened' })).items.length, 1)
      const found = await getIncident(db, 'inc_00000001')
      assert.deepEqual(
        [found?.numbers, found?.evidence],
        [{ tokens: 5 }, [{ stream: 'TOKENS', sequence: 3 }]],
      )

      const throttle = (n: number, state: 'active' | 'replaced'): NewRow<'throttles'> => ({
        id: `throttle${n}`,
        user_id: 'u1',
        key_id: 'k1',
        state,
        capacity: 100,
        refill_rate: 10,
        rule: 'r',
        reason: 'flood',
        actor: 'guard',
        imposed_at: new Date(T + n),
        until: new Date(T + HOUR_MS),
        sequence: n,
      })
      await db
        .insertInto('throttles')
        .values([throttle(1, 'replaced'), throttle(2, 'active')])
        .execute()
      await assert.rejects(db.insertInto('throttles').values(throttle(3, 'active')).execute(), {
        code: '23505',
      })
      assert.equal((await listThrottles(db, { limit: 9 })).items.length, 2)
      assert.equal((await listThrottles(db, { limit: 9, activeAt: T + HOUR_MS })).items.length, 0)
      assert.equal((await currentThrottle(db, { user: 'u1', key: 'k1' }, T))?.id, 'throttle2')
      assert.equal(await currentThrottle(db, { user: 'u1', key: 'k2' }, T), undefined)

      await db
        .insertInto('auth_events')
        .values(
          [1, 2].map(n => ({
            event_id: `event${n}`,
            sequence: n,
            at: new Date(T + n),
            fact: 'login_failed',
            user_id: `u${n}`,
            key_id: 'portal',
            address: '::1',
            reason: 'wrong_credentials',
            detail: '{"count": 2}',
          })),
        )
        .execute()
      assert.deepEqual(
        (await authEvents(db, { limit: 9, address: '::1' })).items.map(item => item.id),
        ['event2', 'event1'],
      )
      assert.deepEqual((await authEvents(db, { limit: 9, user: 'u1', fact: 'login_failed' })).items, [
        {
          id: 'event1',
          sequence: 1,
          at: T + 1,
          fact: 'login_failed',
          userId: 'u1',
          keyId: 'portal',
          actor: null,
          address: '::1',
          account: null,
          reason: 'wrong_credentials',
          detail: { count: 2 },
        },
      ])
    })
  })
}

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

/** Hours and days out of the minutes, as the projection has them. */
async function rollUp(db: Database, table: 'usage' | 'latency', summed: readonly string[]): Promise<void> {
  const place = table === 'usage' ? 'user_id, key_id, model, upstream' : 'model, upstream, measure, bucket'
  const sums = summed.map(name => `sum(${name})`).join(', ')
  for (const grain of ['hour', 'day']) {
    await runScript(
      db,
      `delete from ${table}_${grain}s;
       insert into ${table}_${grain}s (${grain}, ${place}, ${summed.join(', ')})
       select date_trunc('${grain}', minute, 'UTC'), ${place}, ${sums} from ${table}_minutes group by 1, 2, 3, 4, 5`,
    )
  }
}
