import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LoginSucceeded, RequestAdmitted, RequestCompleted, ThrottlePardoned } from '@fluxgate/contracts'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ulid } from 'ulid'
import { admittedData, callTool, make, pages, settled, startBench, type TestBench } from '../../test-bench.ts'

describe('tools over the log', () => {
  let bench: TestBench
  let client: Client
  before(async () => {
    bench = await startBench()
    client = await bench.client()
  })
  after(() => bench[Symbol.asyncDispose]())

  test('a request is traced from the log alone, and with its row', async () => {
    const identity = { user: 'u5', key: 'k5' }
    const startMs = Date.now() - 1_000
    const request = `req_${ulid(startMs)}`
    const ending = {
      request,
      ...identity,
      model: 'm',
      upstream: 'sim',
      status: 200,
      durationMs: 40,
      bytes: 9,
    }
    const other = `req_${ulid(startMs)}`
    await bench.publisher.publish(make(RequestAdmitted, admittedData(identity, request), { timeMs: startMs }))
    await bench.publisher.publish(make(RequestAdmitted, admittedData(identity, other), { timeMs: startMs }))
    await bench.publisher.publish(settled(identity, request, 33, startMs + 40))
    await bench.publisher.publish(make(RequestCompleted, ending, { timeMs: startMs + 40 }))

    const trace = await callTool(client, 'trace_request', { request })
    const steps = trace.data.steps as Array<{ fact: string; sinceStartMs: number; data: { request: string } }>
    assert.deepEqual(
      steps.map(({ fact, sinceStartMs }) => [fact, sinceStartMs]),
      [
        ['requests.admitted', 0],
        ['requests.completed', 40],
        ['tokens.settled', 40],
      ],
      trace.text,
    )
    assert.deepEqual([trace.data.row, trace.data.cut, trace.data.missing], [null, false, []])

    const row = { request_id: request, user_id: 'u5', key_id: 'k5', state: 'completed' as const }
    await bench.db
      .insertInto('requests')
      .values({ ...row, at: new Date(startMs), total_tokens: 33 })
      .execute()
    const whole = await callTool(client, 'trace_request', { request })
    assert.equal((whole.data.row as { totalTokens: number }).totalTokens, 33)
    assert.equal((whole.data.steps as unknown[]).length, 3)
    const unknown = await callTool(client, 'trace_request', { request: 'req_nothing_of_ours' })
    assert.ok(unknown.isError && /id does not tell its time/.test(unknown.text))
    const gone = await callTool(client, 'trace_request', { request: `req_${ulid()}` })
    assert.ok(gone.isError && /Nothing in the log/.test(gone.text))
  })

  test('a timeline tells all of an identity or a user, page by page, and nothing of others', async () => {
    const mine = { user: 'line', key: 'k1' }
    const account = 'a'.repeat(32)
    const login = { user: 'line', key: 'portal', account, address: '::1', session: 'session-of-line' }
    for (let n = 0; n < 12; n++) {
      await bench.publisher.publish(settled(mine, `req_line${String(n).padStart(4, '0')}`, n, Date.now()))
      await bench.publisher.publish(settled({ user: 'other', key: 'k1' }, `req_othr${n}xxxx`, n, Date.now()))
    }
    await bench.publisher.publish(make(ThrottlePardoned, { ...mine, actor: 'test', reason: 'over' }))
    // Of two streams: what is of the same millisecond has no order.
    await sleep(5)
    await bench.publisher.publish(make(LoginSucceeded, login))
    const read = (args: object) => pages(client, 'identity_timeline', { limit: 5, ...args }, 'facts')
    const one = await read({ identity: 'line.k1' })
    assert.deepEqual(
      one.map(({ fact, data }) => [fact, (data as { total?: number }).total]),
      [...Array.from({ length: 12 }, (_, n) => ['tokens.settled', n]), ['throttles.pardoned', undefined]],
    )
    const whole = await read({ user: 'line' })
    assert.equal(whole.length, 14)
    assert.deepEqual(whole.at(-1)?.fact, 'auth.login_succeeded')
    assert.ok(!JSON.stringify(whole).includes('session-of-line'))
    assert.deepEqual(await read({ user: 'line', from: '3h', to: '2h' }), [])
  })
})
