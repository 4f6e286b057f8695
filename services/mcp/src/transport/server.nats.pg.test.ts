import assert from 'node:assert/strict'
import { type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BUCKETS, jsonParser, LoggedOut, Throttle } from '@fluxgate/contracts'
import { Bucket } from '@fluxgate/nats'
import { createSession, createUser, endSession } from '@fluxgate/read-model'
import { createSessions } from '@fluxgate/session'
import { eventually, newSessionKeys, SESSION_KEYS } from '@fluxgate/testing'
import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js'
import { callTool, make, startBench, type TestBench, TOKEN } from '../test-bench.ts'

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  authorization: `Bearer ${TOKEN}`,
}

describe('the HTTP transport', () => {
  let bench: TestBench
  before(async () => {
    bench = await startBench({
      MCP_ALLOWED_HOSTS: 'mcp.example.com',
      MCP_ALLOWED_ORIGINS: 'https://ops.example.com',
      SESSION_PUBLIC_KEY: SESSION_KEYS.publicKey,
      MCP_CALL_BURST: '8',
      MCP_CALLS_PER_MINUTE: '60',
    })
  })
  after(() => bench[Symbol.asyncDispose]())

  const post = (headers: Record<string, string>, body: unknown = LIST) =>
    fetch(bench.url, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  /** `fetch` does not let a caller set Host. */
  async function statusWith(headers: Record<string, string>): Promise<number> {
    const asking = httpRequest(bench.url, { method: 'POST', headers: { ...HEADERS, ...headers } })
    asking.end(JSON.stringify(LIST))
    const [response] = await once(asking, 'response')
    response.resume()
    return response.statusCode
  }

  test('asks for a token, and tells how', async () => {
    const { authorization, ...anonymous } = HEADERS
    const none = await post(anonymous)
    assert.equal(none.status, 401)
    const challenge = none.headers.get('www-authenticate') ?? ''
    assert.match(challenge, /^Bearer realm="fluxgate", resource_metadata="(http[^"]+)"$/)
    const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? ''
    const metadata = (await (await fetch(metadataUrl)).json()) as { resource: string }
    assert.equal(metadata.resource, bench.url.href)

    const wrong = [
      `Bearer ${TOKEN}x`,
      'Bearer ',
      `Basic ${btoa(`a:${TOKEN}`)}`,
      TOKEN,
      `Bearer ${TOKEN} ${TOKEN}`,
    ]
    for (const value of wrong) {
      const refused = await post({ ...HEADERS, authorization: value })
      assert.equal(refused.status, 401, value)
      assert.equal(((await refused.json()) as { jsonrpc: string }).jsonrpc, '2.0')
    }
    assert.match(
      (await post({ ...HEADERS, authorization: 'Bearer x' })).headers.get('www-authenticate')!,
      /invalid_token/,
    )
    const inQuery = await fetch(`${bench.url}?access_token=${TOKEN}`, {
      method: 'POST',
      headers: anonymous,
      body: '{}',
    })
    assert.equal(inQuery.status, 401)
    assert.equal((await post({ ...HEADERS, authorization: `bearer ${TOKEN}` })).status, 200)
    await assert.rejects(bench.client('wrong-token'), /401|Unauthorized|operator token/)
  })

  test('lets in a portal session while it lives and its user is an operator', async () => {
    const sessions = createSessions({ privateKey: SESSION_KEYS.privateKey })
    const now = Date.now()
    const bearer = async (user: string, role: 'operator' | 'developer') => {
      await createUser(bench.db, { id: user, role, createdAt: now })
      const { token, id, expiresAt } = await sessions.issue({
        id: `session-of-${user}-0123456789`,
        user,
        role,
      })
      const row = { userId: user, createdAt: now, expiresAt, address: '127.0.0.1', agent: 'test' }
      await createSession(bench.db, { id, ...row })
      return { id, headers: { ...HEADERS, authorization: `Bearer ${token}` } }
    }
    const operator = await bearer('boss', 'operator')
    const developer = await bearer('dev', 'developer')
    assert.equal((await post(operator.headers)).status, 200)
    assert.equal((await post(developer.headers)).status, 403)

    const box = new Bucket(bench.link, BUCKETS.throttles, jsonParser(Throttle))
    const order = { identity: 'u1.k1', capacity: 1, refillRate: 1, seconds: 60, reason: 'by a person' }
    const params = { name: 'throttle_identity', arguments: order }
    await (await post(operator.headers, { jsonrpc: '2.0', id: 1, method: 'tools/call', params })).text()
    assert.equal((await box.get('u1.k1'))?.value.actor, 'mcp:boss')

    await endSession(bench.db, operator.id, Date.now())
    const facts = { user: 'boss', key: 'portal', session: operator.id, address: '127.0.0.1' }
    await bench.publisher.publish(make(LoggedOut, facts))
    await eventually(async () => assert.equal((await post(operator.headers)).status, 401))
    const forged = await createSessions({ privateKey: newSessionKeys().privateKey }).issue({
      id: 'session-of-boss-0123456789',
      user: 'boss',
      role: 'operator' as const,
    })
    assert.equal((await post({ ...HEADERS, authorization: `Bearer ${forged.token}` })).status, 401)
  })

  test('answers to its own names alone', async () => {
    const { port } = bench.url
    for (const host of [
      `127.0.0.1:${port}`,
      'localhost',
      `LOCALHOST:${port}`,
      '[::1]:8000',
      'mcp.example.com',
    ]) {
      assert.equal(await statusWith({ host }), 200, host)
    }
    for (const host of ['evil.example', `127.0.0.1.evil.example:${port}`, 'user@localhost', 'localhost/x']) {
      assert.notEqual(await statusWith({ host }), 200, host)
    }
    assert.equal(await statusWith({ host: 'evil.example' }), 403)
  })

  test('refuses pages of other origins, token or not', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      'http://localhost.evil.example',
      'file://',
      'http://localhost/x',
    ]) {
      assert.equal(await statusWith({ origin }), 403, origin)
      assert.equal(await statusWith({ origin, authorization: '' }), 403, origin)
    }
    for (const origin of ['http://localhost:3000', 'https://ops.example.com', 'http://127.0.0.1']) {
      assert.equal(await statusWith({ origin }), 200, origin)
    }
  })

  test('keeps a session for a client that begins one, for that client alone, until it ends it', async () => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    }
    const hello = await post(HEADERS, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
    const id = hello.headers.get('mcp-session-id') ?? ''
    assert.match(id, /^[!-~]{36}$/)
    await hello.text()
    const headers = { ...HEADERS, 'mcp-session-id': id, 'mcp-protocol-version': '2025-11-25' }
    assert.match(await (await post(headers)).text(), /get_gateway_metrics/)
    const { 'content-type': _, ...bodyless } = headers
    const ask = (method: string, session = id) =>
      fetch(bench.url, { method, headers: { ...bodyless, 'mcp-session-id': session } })
    const stream = await ask('GET')
    assert.deepEqual([stream.status, stream.headers.get('content-type')], [200, 'text/event-stream'])
    await stream.body!.cancel()
    assert.equal((await ask('GET', 'made-up')).status, 404)
    assert.equal((await ask('DELETE', 'made-up')).status, 404)
    assert.equal((await ask('DELETE')).status, 200)
    assert.equal((await post(headers)).status, 404)
  })

  test('needs no session, and knows no other methods', async () => {
    assert.equal((await post(HEADERS)).headers.get('mcp-session-id'), null)
    const { 'content-type': _, ...headers } = HEADERS
    for (const method of ['GET', 'DELETE']) {
      const answer = await fetch(bench.url, { method, headers })
      assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'], method)
    }
    for (const method of ['PUT', 'OPTIONS']) {
      const answer = await fetch(bench.url, { method, headers })
      assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST, GET, DELETE'], method)
    }
  })

  test('speaks the revisions of its SDK, and refuses others', async () => {
    for (const version of [LATEST_PROTOCOL_VERSION, '2025-06-18', '2025-03-26']) {
      const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: 't', version: '1' } }
      const hello = await post(HEADERS, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
      assert.match(await hello.text(), new RegExp(`"protocolVersion":"${version}"`))
      const listed = await post({ ...HEADERS, 'mcp-protocol-version': version })
      assert.equal(listed.headers.get('x-accel-buffering'), 'no')
      assert.match(await listed.text(), /"get_gateway_metrics"/)
    }
    assert.equal((await post({ ...HEADERS, 'mcp-protocol-version': '1999-01-01' })).status, 400)
    const noted = await post(HEADERS, { jsonrpc: '2.0', method: 'notifications/initialized' })
    assert.deepEqual([noted.status, await noted.text()], [202, ''])
    const unknown = await (await post(HEADERS, { jsonrpc: '2.0', id: 1, method: 'no/such' })).text()
    assert.match(unknown, /-32601/)
  })

  test('refuses bodies that are too large, no JSON, no message or of another kind', async () => {
    const large = await post(HEADERS, { ...LIST, params: { x: 'x'.repeat(300_000) } })
    assert.equal(large.status, 413)
    const broken = await post(HEADERS, '{"jsonrpc":')
    assert.equal(broken.status, 400)
    assert.equal(((await broken.json()) as { error: { code: number } }).error.code, -32_700)
    assert.equal((await post(HEADERS, { hello: 1 })).status, 400)
    for (const levels of [200, 100_000]) {
      const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":`
      const deep = await post(HEADERS, `${call}${'['.repeat(levels)}${']'.repeat(levels)}}}`)
      assert.equal(deep.status, 400)
      assert.match(await deep.text(), /JSON may nest 128 levels/)
    }
    assert.equal((await post(HEADERS, '{"__proto__": {}}')).status, 400)
    assert.equal((await post({ ...HEADERS, 'content-type': 'text/plain' }, '{}')).status, 415)
    assert.equal((await post({ ...HEADERS, accept: 'text/html' })).status, 406)
    assert.equal((await post({ ...HEADERS, accept: '*/*' })).status, 200)
  })

  test('is alive and ready without a token, and shows nothing else', async () => {
    assert.deepEqual(await (await fetch(new URL('/health', bench.url))).json(), { status: 'alive' })
    assert.deepEqual(await (await fetch(new URL('/ready', bench.url))).json(), { ready: true, missing: {} })
    assert.equal((await fetch(new URL('/metrics', bench.url))).status, 404)
  })

  test('is a process that tells its port when it is ready, and ends with a signal', async () => {
    const main = fileURLToPath(new URL('../main.ts', import.meta.url))
    const stdio: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc']
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
      env: { ...bench.env, PATH: process.env.PATH },
      stdio,
    })
    const [{ ready, port }] = (await once(child, 'message')) as [{ ready: boolean; port: number }]
    assert.equal(ready, true)
    assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('gives each caller so many calls and no more, and says when to come back', async () => {
    const client = await bench.client()
    const answers = await Promise.all(Array.from({ length: 12 }, () => callTool(client, 'list_throttles')))
    const refused = answers.filter(({ isError }) => isError)
    assert.ok(refused.length >= 3 && refused.length <= 4, `${refused.length} refused`)
    assert.match(refused[0]!.text, /Too many calls. Wait 1 s/)
    await assert.doesNotReject(client.listTools())
  })
})
