import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { STREAMS } from '@fluxgate/contracts'
import type { NewRow } from '@fluxgate/read-model'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { callTool, insertUsage, pages, settled, startBench, type TestBench } from '../../test-bench.ts'

describe('tools over the tables', () => {
  let bench: TestBench
  let client: Client
  before(async () => {
    bench = await startBench()
    client = await bench.client()
  })
  after(() => bench[Symbol.asyncDispose]())

  test('metrics and top identities come from the tables, with how far these are behind', async () => {
    const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000)
    const sums = { admitted: 3, refused: 1, completed: 2, failed: 1, interrupted: 0, settled: 3 }
    const tokens = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30, bytes: 5 }
    const times = { duration_ms_sum: 300, first_byte_ms_sum: 60, first_byte_count: 3 }
    const row = {
      minute,
      user_id: 'u1',
      key_id: 'k1',
      model: 'm',
      upstream: 'sim',
      ...sums,
      ...tokens,
      ...times,
    }
    await insertUsage(bench.db, row)
    const metrics = await callTool(client, 'get_gateway_metrics', { windowMinutes: 5 })
    assert.equal(metrics.isError, false, metrics.text)
    const window = metrics.data.window as Record<string, number>
    assert.deepEqual([window.admitted, window.totalTokens, window.meanDurationMs], [3, 30, 100])
    assert.match(metrics.text, /3 admitted, 1 refused/)
    const top = await callTool(client, 'top_identities')
    assert.deepEqual(
      (top.data.identities as Array<{ identity: string }>).map(each => each.identity),
      ['u1.k1'],
    )

    await bench.publisher.publish(settled({ user: 'u1', key: 'k1' }, 'req_lag00001', 5, Date.now()))
    const at = { projection: 'read-model', version: 1, updated_at: new Date() }
    await bench.db
      .insertInto('projection_checkpoints')
      .values([
        { ...at, stream: STREAMS.requests, sequence: 0 },
        { ...at, stream: STREAMS.tokens, sequence: 0, event_time: new Date(Date.now() - 3_000) },
      ])
      .execute()
    const behind = (await callTool(client, 'get_gateway_metrics')).data.asOf as Record<string, number>
    assert.equal(behind.behindEvents, 1)
    assert.ok(behind.lagMs! >= 3_000 && behind.lagMs! < 60_000)
  })

  test('requests are found by every filter, page by page, each once', async () => {
    const now = Date.now()
    const request = (n: number): NewRow<'requests'> => ({
      request_id: `req_find_${String(n).padStart(3, '0')}`,
      user_id: `u${n % 2}`,
      key_id: `k${n % 3}`,
      state: n % 5 === 0 ? ('failed' as const) : ('completed' as const),
      status: n % 5 === 0 ? 502 : 200,
      model: n % 4 === 0 ? 'big' : 'small',
      upstream: n % 7 === 0 ? 'b' : 'a',
      duration_ms: n * 10,
      // Two share each time, so that the id must break the tie.
      total_tokens: n,
      cost_micros: n === 3 ? 1_500_000 : null,
      at: new Date(now - Math.floor(n / 2) * 1_000),
    })
    const all = Array.from({ length: 45 }, (_, n) => request(n))
    await bench.db
      .insertInto('requests')
      .values([...all, { ...request(99), at: new Date(now - 90_000_000) }])
      .execute()
    const find = async (args: object) =>
      (await pages(client, 'query_requests', { limit: 7, ...args }, 'requests')).map(
        row => row.request as string,
      )
    const found = await find({})
    assert.equal(new Set(found).size, 45)
    assert.deepEqual(
      [...found].sort(),
      all.map(row => row.request_id),
    )
    assert.equal(found.length, 45)
    const matching = (isWanted: (row: NewRow<'requests'>) => boolean) =>
      all.filter(isWanted).map(row => row.request_id)
    for (const [args, isWanted] of [
      [{ user: 'u1' }, row => row.user_id === 'u1'],
      [{ identity: 'u1.k2' }, row => row.user_id === 'u1' && row.key_id === 'k2'],
      [{ identity: 'u1.k2', user: 'u0' }, () => false],
      [{ model: 'big' }, row => row.model === 'big'],
      [{ upstream: 'b' }, row => row.upstream === 'b'],
      [{ outcome: 'failed' }, row => row.state === 'failed'],
      [{ status: 502, model: 'big' }, row => row.status === 502 && row.model === 'big'],
      [{ minDurationMs: 300 }, row => (row.duration_ms ?? 0) >= 300],
      [{ minTokens: 40 }, row => (row.total_tokens ?? 0) >= 40],
      [{ request: 'req_find_007' }, row => row.request_id === 'req_find_007'],
    ] as ReadonlyArray<readonly [object, (row: NewRow<'requests'>) => boolean]>) {
      assert.deepEqual((await find(args)).sort(), matching(isWanted), JSON.stringify(args))
    }
    assert.deepEqual(await find({ from: '2d', to: '24h' }), ['req_find_099'])
    const one = await callTool(client, 'query_requests', { request: 'req_find_003' })
    assert.equal((one.data.requests as Array<{ costUsd: number }>)[0]?.costUsd, 1.5)
    assert.match(one.text, /\$1\.500000/)
    assert.equal((one.data.asOf as { behindEvents: number }).behindEvents, 1)
  })

  test('usage is reported by identity, model and time, with its cost', async () => {
    const hour = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 86_400_000
    const sums = { admitted: 1, refused: 0, completed: 1, failed: 0, interrupted: 0, settled: 1, bytes: 1 }
    const times = { duration_ms_sum: 10, first_byte_ms_sum: 5, first_byte_count: 1 }
    const usage = Array.from({ length: 12 }, (_, n) => ({
      minute: new Date(hour + (n % 3) * 60_000),
      user_id: `r${n}`,
      key_id: 'k',
      model: n < 6 ? 'dear' : 'free',
      upstream: 'sim',
      ...sums,
      ...times,
      prompt_tokens: n,
      completion_tokens: 0,
      total_tokens: n + 1,
      cost_micros: n < 6 ? 250_000 : 0,
    }))
    await bench.db.insertInto('usage_minutes').values(usage).execute()
    const range = { from: new Date(hour).toISOString(), to: new Date(hour + 180_000).toISOString() }
    const report = (args: object) => pages(client, 'usage_report', { ...range, limit: 4, ...args }, 'rows')
    const minutes = (await report({ period: 'minute' })).map(row => `${row.at} ${row.group}`)
    assert.deepEqual([minutes.length, new Set(minutes).size], [12, 12])
    assert.deepEqual(
      minutes,
      [...minutes].sort((a, b) =>
        a.slice(0, 24) < b.slice(0, 24) ? -1 : a.slice(0, 24) > b.slice(0, 24) ? 1 : 0,
      ),
    )
    assert.equal(minutes[0]?.slice(25), 'r9.k', 'most tokens of the first minute')
    const models = await report({ by: 'model' })
    assert.deepEqual(
      models.map(row => [row.group, row.totalTokens, row.costUsd]),
      [
        ['free', 57, null],
        ['dear', 21, 1.5],
      ],
    )
    const own = await report({ by: 'upstream', identity: 'r3.k' })
    assert.deepEqual(
      own.map(row => [row.group, row.totalTokens]),
      [['sim', 4]],
    )
    const text = (await callTool(client, 'usage_report', { ...range, by: 'model' })).text
    assert.match(text, /"dear": 6 admitted.*\$1\.5000/)
  })

  test('what happened to accounts and keys is listed, without the names of sessions', async () => {
    const now = Date.now()
    const events = Array.from({ length: 9 }, (_, n) => ({
      event_id: `auth-${n}`,
      sequence: n + 1,
      at: new Date(now - n * 1_000),
      user_id: `u${n % 2}`,
      key_id: 'portal',
      fact: n % 3 === 0 ? 'login_failed' : 'login_succeeded',
      address: n === 4 ? '10.0.0.9' : '10.0.0.1',
      detail: JSON.stringify({ session: 'session-of-somebody', order: 'x' }),
    }))
    await bench.db.insertInto('auth_events').values(events).execute()
    const list = (args: object) => pages(client, 'auth_events', { limit: 2, ...args }, 'events')
    const found = await list({})
    assert.deepEqual(
      found.map(row => row.eventId),
      events.map(row => row.event_id),
    )
    assert.ok(!JSON.stringify(found).includes('session-of-somebody'))
    assert.deepEqual(
      (await list({ fact: 'login_failed' })).map(row => row.sequence),
      [1, 4, 7],
    )
    assert.deepEqual(
      (await list({ address: '10.0.0.9', user: 'u0' })).map(row => row.sequence),
      [5],
    )
    assert.deepEqual(
      (await list({ identity: 'u1.portal' })).map(row => row.sequence),
      [2, 4, 6, 8],
    )
  })
})
