import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BUCKETS, jsonParser, Throttle } from '@fluxgate/contracts'
import { Bucket } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { callTool, startBench, type TestBench } from './test-bench.ts'
import { TOOLS } from './tools/index.ts'

describe('the tools as a whole', () => {
  let bench: TestBench
  let client: Client
  let box: Bucket<Throttle>
  before(async () => {
    bench = await startBench({}, {}, { ownServers: true })
    client = await bench.client()
    box = new Bucket(bench.link, BUCKETS.throttles, jsonParser(Throttle))
  })
  after(() => bench[Symbol.asyncDispose]())

  test('every tool says what it is for, in schemas and all four annotations', async () => {
    const { tools } = await client.listTools()
    const names = tools.map(tool => tool.name)
    assert.deepEqual(
      names,
      TOOLS.map(tool => tool.name),
    )
    for (const name of [
      ...['get_gateway_metrics', 'usage_report', 'top_identities', 'query_requests', 'trace_request'],
      ...['identity_timeline', 'auth_events', 'get_security_incidents', 'get_incident', 'list_throttles'],
      ...['debug_guard_state', 'stream_health', 'state_at', 'what_if_policy', 'verify_ledger'],
      ...['acknowledge_incident', 'close_incident', 'pardon_identity', 'throttle_identity'],
    ]) {
      assert.ok(names.includes(name), name)
    }
    for (const tool of tools) {
      const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = tool.annotations ?? {}
      for (const hint of [readOnlyHint, destructiveHint, idempotentHint, openWorldHint]) {
        assert.equal(typeof hint, 'boolean', tool.name)
      }
      assert.ok(tool.title && tool.description && tool.description.length > 100, tool.name)
      assert.equal(tool.inputSchema.additionalProperties, false, tool.name)
      assert.ok(tool.outputSchema, tool.name)
    }
    assert.deepEqual((await client.listTools()).tools, tools)
  })

  test('arguments that are wrong come back as errors a model can read', async () => {
    for (const [name, args, reason] of [
      ['pardon_identity', { identity: 'nobody', reason: 'because' }, /<user id>\.<key id>/],
      ['pardon_identity', { identity: 'u.k' }, /reason/],
      ['throttle_identity', { identity: 'u.k', capacity: -1 }, /capacity/],
      ['get_gateway_metrics', { windowMinutes: 0 }, /windowMinutes/],
      ['get_gateway_metrics', { secret: true }, /secret/],
      ['get_incident', { incident: "'; drop table incidents" }, /inc_/],
      ['get_security_incidents', { cursor: 'nonsense' }, /cursor/],
      ['query_requests', { cursor: 'nonsense' }, /cursor/],
      ['query_requests', { from: 'yesterday' }, /span back from now/],
      ['query_requests', { from: '1h', to: '2h' }, /not before/],
      ['query_requests', { from: '400d' }, /at most 366 d/],
      ['query_requests', { status: 42 }, /status/],
      ['usage_report', { period: 'minute', from: '3d' }, /at most 2 d/],
      ['usage_report', { by: 'colour' }, /by/],
      ['usage_report', { cursor: 'bm9uZQ' }, /cursor/],
      ['identity_timeline', {}, /either identity/],
      ['identity_timeline', { user: 'u', cursor: 'nonsense' }, /cursor/],
      ['auth_events', { fact: 'settled' }, /fact/],
      ['acknowledge_incident', { incident: 'inc_00000001', note: '' }, /note/],
      ['close_incident', { incident: 'inc_00000001', reason: 'long enough' }, /no incident inc_00000001/],
      ['state_at', { at: '2999-01-01' }, /future/],
      ['what_if_policy', { policy: { rules: { flood: {} } } }, /no "rules.flood"; there are contextFlood/],
      ['what_if_policy', { policy: { penalty: { capacity: -1 } } }, /\/penalty\/capacity/],
      ['what_if_policy', { policy: {}, from: '40d' }, /at most 31 d/],
      ['verify_ledger', { cursor: 'MCA5OTk5OTk5OTk5OTk5IDA' }, /cursor/],
      ['verify_ledger', { silenceMinutes: 0 }, /silenceMinutes/],
    ] as const) {
      const answer = await callTool(client, name, args)
      assert.ok(answer.isError, name)
      assert.match(answer.text, reason)
    }
    await assert.rejects(callTool(client, 'no_such_tool', {}), { code: -32602, message: /no_such_tool/ })
  })

  test('without Postgres the live tools answer, the others say why not, and /ready tells', async () => {
    await bench.postgres.stop('SIGKILL')
    const metrics = await callTool(client, 'get_gateway_metrics')
    assert.ok(metrics.isError)
    assert.match(metrics.text, /read model \(Postgres\) is unavailable.*list_throttles/)
    assert.equal((await callTool(client, 'list_throttles')).isError, false)
    const ledger = await callTool(client, 'verify_ledger')
    assert.deepEqual(
      [ledger.isError, ledger.data.holds, ledger.data.tables],
      [false, true, null],
      ledger.text,
    )
    const state = await callTool(client, 'debug_guard_state')
    assert.deepEqual([state.isError, state.data.drift], [false, null])
    const ready = new URL('/ready', bench.url)
    await eventually(async () => assert.equal((await fetch(ready)).status, 503))
    await bench.postgres.start()
    await eventually(async () => assert.equal((await fetch(ready)).status, 200))
    assert.equal((await callTool(client, 'get_gateway_metrics')).isError, false)
  })

  test('without NATS an order is refused and nothing is changed', async () => {
    await bench.nats.stop()
    await eventually(async () => {
      assert.equal((await fetch(new URL('/ready', bench.url))).status, 503)
    })
    const answer = await callTool(client, 'throttle_identity', {
      identity: 'u9.k9',
      capacity: 1,
      refillRate: 1,
      seconds: 60,
      reason: 'while it is away',
    })
    assert.ok(answer.isError)
    assert.match(answer.text, /is unavailable/)
    const metrics = await callTool(client, 'get_gateway_metrics')
    assert.deepEqual(
      [metrics.isError, (metrics.data.asOf as { behindEvents: null }).behindEvents],
      [false, null],
    )
    await bench.nats.start()
    await eventually(async () => assert.equal((await fetch(new URL('/ready', bench.url))).status, 200))
    await eventually(() => bench.link.isConnected())
    assert.equal(await box.get('u9.k9'), undefined)
  })
})
