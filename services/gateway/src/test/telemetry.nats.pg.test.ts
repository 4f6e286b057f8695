import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually, freePort, SESSION_KEYS } from '@fluxgate/testing'
import {
  ANSWER,
  CHAT,
  COLLECTOR_KEY,
  PROMPT,
  scrape,
  spansOf,
  startTelemetry,
  type TelemetryScene,
  TOKEN,
} from './telemetry.ts'

const PASSWORD = 'plum wagon seldom quiet'
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const SERVER = 2
const CLIENT = 3

let scene: TelemetryScene
before(async () => {
  scene = await startTelemetry()
})
after(() => scene[Symbol.asyncDispose]())

describe('traces', () => {
  it('go on with the trace of the caller, over our call to the upstream', async () => {
    const response = await scene.call(scene.traced, {
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: 'v=1',
    })
    assert.equal(response.status, 200)
    await response.text()
    const [server, client] = await spansOf(scene, response, 2)
    assert.ok(server && client)
    assert.deepEqual([server.kind, server.name, server.traceId], [SERVER, `POST ${CHAT}`, TRACE])
    assert.equal(server.parentSpanId, SPAN)
    assert.deepEqual([client.kind, client.name, client.traceId], [CLIENT, 'chat gpt-5-mini', TRACE])
    assert.equal(client.parentSpanId, server.spanId)
    assert.equal(scene.asked.at(-1)?.traceparent, `00-${TRACE}-${client.spanId}-01`)
    assert.equal(scene.asked.at(-1)?.tracestate, 'v=1')
    assert.ok(server.startMs <= client.startMs && client.startMs <= client.endMs)
    assert.ok(client.endMs <= server.endMs && Math.abs(server.endMs - Date.now()) < 60_000)
    const { 'fluxgate.time_to_first_byte': firstByte, 'fluxgate.request.id': id, ...rest } = client.attributes
    assert.ok(Number(firstByte) > 0 && id === response.headers.get('x-request-id'))
    assert.deepEqual(rest, {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-5-mini',
      'gen_ai.response.model': 'gpt-5-mini-2026',
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.output_tokens': 90,
      'server.address': '127.0.0.1',
      'server.port': scene.upstreamPort,
      'http.response.status_code': 200,
      'fluxgate.upstream': `127.0.0.1:${scene.upstreamPort}`,
      'fluxgate.attempts': 1,
      'fluxgate.stream': false,
      'fluxgate.usage.source': 'reported',
    })
    const { attributes } = server
    assert.deepEqual(
      [
        'http.request.method',
        'http.route',
        'http.response.status_code',
        'fluxgate.user.id',
        'fluxgate.outcome',
      ].map(name => attributes[name]),
      ['POST', CHAT, 200, 'ann', 'completed'],
    )
    assert.equal(scene.receiver.headers[0]?.['api-key'], COLLECTOR_KEY)
    assert.equal(scene.receiver.resources[0]?.['service.name'], 'fluxgate-gateway')
    assert.equal(scene.receiver.resources[0]?.['service.instance.id'], 'traced')
    assert.equal(scene.receiver.resources[0]?.['deployment.environment.name'], 'test')
  })

  it('begin with us where the caller sends none, and do not go on with its tracestate', async () => {
    const response = await scene.call(scene.traced, { tracestate: 'v=1', traceparent: 'nonsense' })
    await response.text()
    const [server, client] = await spansOf(scene, response, 2)
    assert.ok(server && client)
    assert.match(server.traceId, /^[0-9a-f]{32}$/)
    assert.notEqual(server.traceId, TRACE)
    assert.ok(!server.parentSpanId)
    assert.equal(scene.asked.at(-1)?.traceparent, `00-${server.traceId}-${client.spanId}-01`)
    assert.equal(scene.asked.at(-1)?.tracestate, undefined)
  })

  it('leave alone what the caller does not sample, and tell the upstream so', async () => {
    const response = await scene.call(scene.traced, { traceparent: `00-${TRACE}-${SPAN}-00` })
    await response.text()
    assert.match(scene.asked.at(-1)?.traceparent as string, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
    const later = await scene.call(scene.traced)
    await later.text()
    await spansOf(scene, later, 2)
    await spansOf(scene, response, 0)
  })

  it('show refusals and failures as what they are', async () => {
    const refused = await scene.call(scene.traced, { authorization: 'Bearer sk_live_wrong' })
    assert.equal(refused.status, 401)
    const [turnedAway] = await spansOf(scene, refused, 1)
    assert.equal(turnedAway?.attributes['error.type'], 'invalid_api_key')
    assert.equal(turnedAway?.attributes['fluxgate.outcome'], 'refused')
    assert.equal(
      turnedAway?.status,
      0,
      'a mistake of the caller is no error of the server (HTTP conventions)',
    )

    const broken = await scene.call(scene.traced, {}, { model: 'broken' })
    assert.equal(broken.status, 500)
    const [server, client] = await spansOf(scene, broken, 2)
    assert.deepEqual([server?.status, client?.status], [2, 2])
    assert.equal(client?.attributes['error.type'], '500')
    assert.equal(client?.attributes['gen_ai.usage.input_tokens'], undefined)

    const gone = await scene.call(scene.traced, {}, { model: 'gone' })
    await assert.rejects(gone.text())
    const [failed, cut] = await spansOf(scene, gone, 2)
    assert.equal(failed?.attributes['fluxgate.outcome'], 'failed')
    assert.deepEqual([failed?.status, cut?.status], [2, 2])
    assert.ok(cut?.attributes['error.type'])
  })

  it('are lost alone when the receiver is away, and that is logged once', async () => {
    const node = await scene.startNode('lost', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    })
    const reported = () => node.lines.filter(line => line.includes('spans cannot be exported'))
    for (let i = 0; i < 5; i++) {
      const response = await scene.call(node)
      assert.equal(response.status, 200)
      await response.text()
      await eventually(() => assert.ok(reported().length > 0))
    }
    const lost = async () => Number(/fluxgate_spans_lost_total\S* (\d+)/.exec(await scrape(node))?.[1])
    await eventually(async () => assert.equal(await lost(), 10))
    assert.equal(reported().length, 1)
    await node.gateway[Symbol.asyncDispose]()
  })

  it('are off without an endpoint: the trace of the caller passes as it is', async () => {
    const node = await scene.startNode('untraced', {})
    const traceparent = `00-${TRACE}-${SPAN}-01`
    await (await scene.call(node, { traceparent })).text()
    assert.equal(scene.asked.at(-1)?.traceparent, traceparent)
    await (await scene.call(node)).text()
    assert.equal(scene.asked.at(-1)?.traceparent, undefined)
    assert.deepEqual(
      node.lines.filter(line => line.includes('"msg":"request"')),
      [],
      'no access log unless it is asked for',
    )
    await node.gateway[Symbol.asyncDispose]()
  })
})

describe('metrics', () => {
  it('tell of calls, the log, the stores and the process, with bounded labels', async () => {
    const node = await scene.startNode('measured', {})
    for (let i = 0; i < 60; i++) await (await scene.call(node, {}, { model: `made-up-${i}` })).text()
    await (await scene.call(node, { authorization: 'Bearer sk_live_wrong' })).text()
    const text = await eventually(async () => {
      const found = await scrape(node)
      assert.match(found, /fluxgate_event_ack_seconds_count\S* [1-9]/)
      return found
    })
    const value = (pattern: string) =>
      Number(new RegExp(`^${pattern} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
    const labels = `dialect="openai",upstream="127.0.0.1:${scene.upstreamPort}"`
    assert.equal(value('fluxgate_requests_admitted_total\\{service="gateway"\\}'), 60)
    assert.equal(
      value(
        `fluxgate_requests_ended_total\\{outcome="completed",${labels},status="2xx",service="gateway"\\}`,
      ),
      60,
    )
    assert.equal(
      value(
        'fluxgate_requests_refused_total\\{reason="unauthenticated",dialect="openai",service="gateway"\\}',
      ),
      1,
    )
    assert.equal(value('fluxgate_tokens_total\\{kind="input",model="other",service="gateway"\\}'), 100)
    assert.equal(text.match(/^fluxgate_tokens_total\{kind="input"/gm)?.length, 51)
    assert.equal(value('fluxgate_request_tokens_sum\\{kind="output",service="gateway"\\}'), 60 * 90)
    assert.equal(
      value(
        'fluxgate_request_duration_seconds_count\\{dialect="openai",outcome="completed",service="gateway"\\}',
      ),
      60,
    )
    for (const name of [
      'fluxgate_time_to_first_byte_seconds_bucket',
      'fluxgate_gateway_overhead_seconds_bucket',
      'fluxgate_response_bytes_total',
      'fluxgate_events_buffered',
      'fluxgate_events_resent_total',
      'fluxgate_nats_connected',
      'fluxgate_postgres_connections',
      'fluxgate_key_lookups_total',
      'fluxgate_upstream_calls_total',
      'process_resident_memory_bytes',
      'nodejs_eventloop_lag_seconds',
    ]) {
      assert.match(text, new RegExp(`^${name}[{ ]`, 'm'))
    }
    assert.doesNotMatch(text, /ann|sk_live/, 'no identity is a label')
    await node.gateway[Symbol.asyncDispose]()
  })
})

describe('the log', () => {
  it('never holds a key, a password, a cookie, a token or the text of a call', async () => {
    const base = `http://127.0.0.1:${scene.traced.gateway.publicPort}`
    const portal = (path: string, body: object, cookie = '') =>
      fetch(`${base}/portal${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', cookie },
        body: JSON.stringify(body),
      })
    const email = 'eve@example.com'
    assert.equal((await portal('/register', { email, password: PASSWORD })).status, 201)
    const login = await portal('/login', { email, password: PASSWORD })
    assert.equal(login.status, 200)
    const cookie = login.headers
      .getSetCookie()
      .map(each => each.split(';')[0])
      .join('; ')
    const session = cookie.slice(cookie.indexOf('=') + 1)
    assert.ok(session.length > 20)
    const made = (await (await portal('/keys', { name: 'mine' }, cookie)).json()) as { key: string }
    assert.match(made.key, /^sk_live_/)
    assert.equal((await portal('/login', { email, password: `${PASSWORD} wrong` })).status, 401)
    for (const headers of [
      { authorization: `Bearer ${made.key}` },
      { authorization: '', 'x-api-key': made.key },
      { authorization: `Bearer ${made.key}x` },
      { authorization: `Bearer ${made.key}`, cookie },
    ]) {
      for (const model of ['gpt-5-mini', 'broken', 'gone'])
        await (await scene.call(scene.traced, headers, { model })).text().catch(() => '')
    }
    await fetch(`${base}${CHAT}?api_key=${made.key}`, { method: 'POST', body: `not JSON: ${PROMPT}` })
    await fetch(`http://127.0.0.1:${scene.traced.gateway.adminPort}/admin/metrics`, {
      headers: { authorization: 'Bearer wrong-admin-token' },
    })
    const requests = await eventually(() => {
      const found = scene.traced.lines
        .map(line => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg }) => msg === 'request')
      assert.ok(found.some(({ outcome }) => outcome === 'failed'))
      return found
    })
    const completed = requests.find(({ outcome, model }) => outcome === 'completed' && model === 'gpt-5-mini')
    assert.deepEqual([completed?.method, completed?.path, completed?.status], ['POST', CHAT, 200])
    assert.deepEqual([completed?.prompt, completed?.completion], [10, 90])
    assert.ok(requests.some(({ outcome, error }) => outcome === 'refused' && error === 'invalid_api_key'))
    const secrets = [
      scene.key,
      made.key,
      PASSWORD,
      session,
      TOKEN,
      SESSION_KEYS.privateKey,
      COLLECTOR_KEY,
      PROMPT,
      ANSWER,
    ]
    for (const secret of [...secrets, 'wrong-admin-token', 'query-text']) {
      // The part of a key that is shown to its owner is no secret.
      assert.ok(!scene.traced.lines.some(line => line.includes(secret)), secret.slice(0, 12))
    }
    for (const span of scene.receiver.spans) {
      const text = JSON.stringify(span)
      for (const secret of secrets) assert.ok(!text.includes(secret), secret.slice(0, 12))
    }
  })
})
