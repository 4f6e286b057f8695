import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { endAllSessions, setDisabled } from '@fluxgate/read-model'
import { eventually } from '@fluxgate/testing'
import { ApiClient } from '../test/api-client.ts'
import { DEVELOPER, FORWARD_TOKEN, logIn, OPERATOR, startTestEnv, type TestEnv } from '../test/test-env.ts'

let testEnv: TestEnv
let api: ApiClient
let developer: string
let pageDir: string

before(async () => {
  pageDir = await mkdtemp(join(tmpdir(), 'fluxgate-page-'))
  await writeFile(join(pageDir, 'index.html'), '<!doctype html><title>Fluxgate</title>')
  testEnv = await startTestEnv({ pageDir })
  api = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
  developer = await logIn(testEnv, DEVELOPER.email)
})

after(async () => {
  await testEnv?.[Symbol.asyncDispose]()
  await rm(pageDir, { recursive: true, force: true })
})

describe('page routes', () => {
  it('serve every view with security headers', async () => {
    for (const path of ['/', '/incidents/inc_12345678', '/keys?x=1']) {
      const response = await fetch(`${testEnv.url}${path}`)
      assert.equal(response.status, 200)
      assert.match(await response.text(), /<title>Fluxgate/)
      assert.match(response.headers.get('content-security-policy') ?? '', /^default-src 'self';/)
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
      assert.equal(response.headers.get('cache-control'), 'no-cache')
      const plain = await fetch(`${testEnv.url}${path}`, { headers: { 'accept-encoding': 'identity' } })
      assert.equal(plain.status, 200, `${path} without compression, as curl asks`)
      assert.match(await plain.text(), /<title>Fluxgate/)
    }
    for (const path of ['/assets/gone.js', '/api/nothing', '/../package.json', '/%2e%2e/package.json']) {
      const response = await fetch(`${testEnv.url}${path}`)
      assert.doesNotMatch(await response.text(), /"name"/)
    }
    assert.equal((await fetch(`${testEnv.url}/assets/gone.js`)).status, 404)
  })

  it('refuse unknown hosts on every path', async () => {
    const ask = (path: string, host: string, headers: Record<string, string> = {}, method = 'GET') =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = request(
          `${testEnv.url}${path}`,
          { method, agent: false, headers: { ...headers, host, 'content-length': '0' } },
          answer => {
            answer.resume()
            resolve(answer.statusCode)
          },
        )
        sent.on('error', reject)
        sent.end()
      })
    const { port } = new URL(testEnv.url)
    const evil = { origin: 'http://evil.example', 'sec-fetch-site': 'same-origin', cookie: api.cookie }
    for (const path of [
      '/',
      '/portal/login',
      '/portal/register',
      '/play/chat',
      '/api/overview',
      '/nothing',
    ]) {
      for (const method of ['GET', 'POST']) {
        assert.equal(await ask(path, 'evil.example', evil, method), 403, `${method} ${path}`)
        assert.equal(
          await ask(path, `localhost:${port}`, evil, method),
          403,
          `${method} ${path} by its origin`,
        )
      }
    }
    assert.equal(await ask('/api/session', `localhost:${port}`), 401)
    assert.equal(await ask('/api/session', `LOCALHOST:${port}`, { cookie: api.cookie }), 200)
    assert.equal(await ask('/health', '10.1.2.3:3000'), 200)
  })

  it('answer liveness and readiness', async () => {
    assert.equal((await fetch(`${testEnv.url}/health`)).status, 200)
    assert.deepEqual(await (await fetch(`${testEnv.url}/ready`)).json(), { ready: true, missing: {} })
  })
})

describe('gateway cookies of a malformed session', () => {
  it('are not forwarded, and cause no error', async () => {
    for (const value of ['%0a', '%00x', 'a%0d%0aset-cookie:%20x=1', '%e2%82']) {
      const response = await api.get('/portal/sessions', `fluxgate=${value}`)
      assert.equal(response.status, 401, value)
    }
  })
})

describe('access control', () => {
  const views = ['/api/overview', '/api/incidents', '/api/throttles', '/api/identities/top', '/api/system']

  it('refuses requests without a session, and developers on operator routes', async () => {
    for (const path of [...views, '/api/session', '/api/live']) {
      assert.equal((await api.get(path, '')).status, 401, path)
      assert.equal((await api.get(path, 'fluxgate=abc.def.ghi')).status, 401, path)
    }
    for (const path of [...views, '/api/live'])
      assert.equal((await api.get(path, developer)).status, 403, path)
    for (const path of views) assert.equal((await api.get(path)).status, 200, path)
    const session = (await (await api.get('/api/session', developer)).json()) as object
    assert.partialDeepStrictEqual(session, { user: DEVELOPER.id, role: 'developer', email: DEVELOPER.email })
    assert.ok(!('session' in session), 'the session id stays here')
  })

  it('refuses ended sessions and disabled accounts', async () => {
    const cookie = await logIn(testEnv, DEVELOPER.email)
    await endAllSessions(testEnv.db, DEVELOPER.id, Date.now())
    assert.equal((await api.get('/api/session', cookie)).status, 401)
    const second = await logIn(testEnv, DEVELOPER.email)
    await setDisabled(testEnv.db, DEVELOPER.id, Date.now())
    assert.equal((await api.get('/api/session', second)).status, 401)
    await setDisabled(testEnv.db, DEVELOPER.id, null)
    developer = await logIn(testEnv, DEVELOPER.email)
  })

  it('refuses requests from other sites', async () => {
    const path = '/api/throttles/u.k/pardon'
    const foreign: Record<string, string>[] = [
      { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of foreign) {
      assert.equal((await api.order(path, { reason: 'r' }, headers)).status, 403, JSON.stringify(headers))
      assert.equal((await api.order('/portal/logout', {}, headers)).status, 403, JSON.stringify(headers))
    }
    const asText = await api.order(path, '{"reason":"r"}', { 'content-type': 'text/plain' })
    assert.equal(asText.status, 400)
  })
})

describe('portal routes', () => {
  it('forward the session, an origin of the gateway, and no other header', async () => {
    const response = await fetch(`${testEnv.url}/portal/keys`, {
      method: 'POST',
      headers: {
        cookie: `${developer}; secret=1`,
        'content-type': 'application/json',
        origin: testEnv.url,
        'sec-fetch-site': 'same-origin',
        'x-forwarded-for': '6.6.6.6',
        authorization: 'Bearer x',
        connection: 'close',
        'x-fluxgate-forward-token': 'stolen',
      },
      body: '{"name":"laptop"}',
    })
    assert.equal(response.status, 201)
    assert.match(((await response.json()) as { key: string }).key, /^sk_live_/)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    const { headers } = testEnv.gateway.seen.at(-1)!
    assert.equal(headers.origin, testEnv.gateway.url)
    assert.match(headers.cookie ?? '', /^__Host-fluxgate=[\w.-]+$/)
    assert.deepEqual(
      [headers['sec-fetch-site'], headers.authorization, headers['x-fluxgate-forward-token']],
      ['same-origin', undefined, FORWARD_TOKEN],
    )
    // This dashboard's own proxy said so, and it is believed here.
    assert.equal(headers['x-forwarded-for'], '6.6.6.6')
  })

  it('pass the device cookie, also after a logout', async () => {
    const login = await api.order('/portal/login', { email: DEVELOPER.email, password: 'correct horse' })
    const device = login.headers.getSetCookie().find(each => each.startsWith('fluxgate-device='))
    assert.match(device ?? '', /^fluxgate-device=of.a.laptop; .*HttpOnly/)
    const again = { email: DEVELOPER.email, password: 'wrong' }
    await api.order('/portal/login', again, { cookie: 'fluxgate-device=of.a.laptop; secret=1' })
    assert.equal(testEnv.gateway.seen.at(-1)!.headers.cookie, '__Host-fluxgate-device=of.a.laptop')
  })

  it('end the session at once after a logout at the gateway', async () => {
    const cookie = await logIn(testEnv, DEVELOPER.email)
    assert.equal((await api.get('/api/session', cookie)).status, 200)
    const response = await api.order('/portal/logout', {}, { cookie })
    assert.equal(response.status, 204)
    assert.match(response.headers.getSetCookie()[0] ?? '', /^fluxgate=; .*HttpOnly.*Max-Age=0/)
    const within = { timeoutMs: 1_000 }
    await eventually(async () => assert.equal((await api.get('/api/session', cookie)).status, 401), within)
  })

  it('pass refusals on, and answer 502 when the gateway does not respond', async () => {
    const wrong = await api.order('/portal/login', { email: OPERATOR.email, password: 'wrong' })
    assert.equal(wrong.status, 401)
    assert.deepEqual(wrong.headers.getSetCookie(), [])
    await testEnv.gateway[Symbol.asyncDispose]()
    const away = await api.order('/portal/login', { email: OPERATOR.email, password: 'x' })
    assert.equal(away.status, 502)
    assert.equal(((await away.json()) as { error: { code: string } }).error.code, 'bad_gateway')
  })
})
