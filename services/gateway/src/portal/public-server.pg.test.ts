import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { readConfig } from '@fluxgate/runtime'
import { SESSION_KEYS } from '@fluxgate/testing'
import type { FastifyInstance } from 'fastify'
import { LoginGuard } from '../accounts/login-guard.ts'
import { readGatewayConfig } from '../config.ts'
import { routesOf } from '../dialects/routes.ts'
import { Bodies } from '../edge/bodies.http.ts'
import { createEdge } from '../edge/edge.http.ts'
import { loadTls } from '../edge/tls.fs.ts'
import { registerPortal } from './portal.http.ts'
import { Browser, PASSWORD, person, startPortal, type TestPortal } from './test-browser.ts'

let portal: TestPortal
before(async () => {
  portal = await startPortal()
})
after(() => portal[Symbol.asyncDispose]())

const { limits: LIMITS } = readConfig(
  {
    NATS_URL: 'nats://localhost:1',
    DATABASE_URL: 'postgres://localhost:1/none',
    ADMIN_TOKEN: 'a token of the tests',
    SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
  },
  readGatewayConfig,
)

describe('on the public server', () => {
  let edge: FastifyInstance
  let bodies: Bodies
  let directory: string
  let session: ClientHttp2Session
  let origin: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'fluxgate-portal-'))
    const tls = await loadTls(undefined, directory, ['localhost'])
    const calls = () => assert.fail('no call of a model')
    bodies = new Bodies(LIMITS)
    edge = createEdge({ limits: LIMITS, tls, calls, bodies, routes: routesOf() }).app
    await registerPortal(edge, portal.deps)
    edge.post('/outside', request => ({
      length: JSON.stringify(request.body).length,
      cookies: 'cookies' in request,
    }))
    await edge.listen({ host: '127.0.0.1', port: 0 })
    origin = `https://localhost:${(edge.server.address() as AddressInfo).port}`
    session = connect(origin, { rejectUnauthorized: false })
  })
  after(async () => {
    session.close()
    await edge.close()
    bodies[Symbol.dispose]()
    await rm(directory, { recursive: true })
  })

  async function post(path: string, body: object, headers: Record<string, string> = {}) {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/json',
      ...headers,
    })
    const answered = new Promise<Record<string, unknown>>(resolve => stream.once('response', resolve))
    stream.end(JSON.stringify(body))
    const answer = await answered
    return { status: answer[':status'], headers: answer, body: JSON.parse((await text(stream)) || '{}') }
  }

  test('a browser over HTTP/2 registers and logs in, with its origin held to the authority', async () => {
    const body = { email: 'h2@example.com', password: PASSWORD }
    assert.equal((await post('/portal/register', body, { origin })).status, 201)
    const login = await post('/portal/login', body, { origin, 'sec-fetch-site': 'same-origin' })
    assert.equal(login.status, 200)
    assert.match(String(login.headers['set-cookie']), /^__Host-fluxgate=.*; Secure/)
    const foreign = await post('/portal/login', body, { origin: 'https://localhost:1' })
    assert.deepEqual([foreign.status, foreign.body.error.code], [403, 'cross_site'])
  })

  test('nothing of the portal is felt outside of it', async () => {
    const { status, headers, body } = await post(
      '/outside',
      { x: 'x'.repeat(50_000) },
      { origin: 'https://x.y' },
    )
    assert.equal(status, 200)
    assert.deepEqual(body, { length: 50_008, cookies: false })
    assert.equal(headers['cache-control'], undefined)
    assert.equal(headers['content-security-policy'], undefined)
    const unknown = await post('/nothing', {})
    assert.equal(typeof unknown.body.error, 'string', 'not in the form of the portal')
  })
})

describe('guessing', () => {
  const SECOND_MS = 1_000

  test('waits longer and longer, and is over for the owner as soon as the wait is', async () => {
    let offsetMs = 0
    const beganMs = Date.now()
    const app = await portal.portal({ guard: new LoginGuard(), epochMs: () => beganMs + offsetMs })
    const { email } = await person(portal)
    const guess = () => new Browser(app).logIn(email, 'not the password')
    for (let i = 0; i < 5; i++) assert.equal((await guess()).statusCode, 401)
    for (const waitSeconds of [1, 2, 4, 8, 16]) {
      const buffered = await guess()
      assert.deepEqual([buffered.statusCode, buffered.headers['retry-after']], [429, String(waitSeconds)])
      offsetMs += waitSeconds * SECOND_MS
      assert.equal((await guess()).statusCode, 401)
    }
    assert.equal((await new Browser(app).logIn(email)).statusCode, 429)
    offsetMs += 32 * SECOND_MS
    assert.equal((await new Browser(app).logIn(email)).statusCode, 200)
    assert.equal((await guess()).statusCode, 401)
  })

  test('at an account that is not there waits just so', async () => {
    const app = await portal.portal({ guard: new LoginGuard() })
    const guess = () => new Browser(app).logIn('not.there@example.com', 'not the password')
    for (let i = 0; i < 5; i++) assert.equal((await guess()).statusCode, 401)
    assert.equal((await guess()).statusCode, 429)
  })

  test('takes as long for an account that is not there as for one that is', async () => {
    const { email } = await person(portal)
    const times = { known: [] as number[], unknown: [] as number[] }
    for (let i = 0; i < 20; i++) {
      for (const [kind, address] of [
        ['known', email],
        ['unknown', `unknown${i}@example.com`],
      ] as const) {
        const startedMs = performance.now()
        await new Browser(portal.app).logIn(address, 'not the password')
        times[kind].push(performance.now() - startedMs)
      }
    }
    const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length / 2]!
    const ratio = median(times.unknown) / median(times.known)
    // Without the hash for nobody it would be below 0.2; the rest is what else this machine does.
    assert.ok(ratio > 0.6 && ratio < 1.6, `unknown/known = ${ratio}`)
  })
})

describe('what no id and no name can be', () => {
  test('is not there, without a question to the database', async () => {
    const { browser } = await person(portal)
    for (const id of ['%00', '%27', 'a'.repeat(65), '..%2fkeys', '%F0%9F%94%91']) {
      for (const path of ['keys', 'sessions']) {
        const answer = await browser.delete(`/${path}/${id}`)
        assert.deepEqual([answer.statusCode, answer.json().error.code], [404, 'not_found'], `${path}/${id}`)
      }
    }
    assert.deepEqual(portal.logged, [])
  })

  test('is refused as the name of a key', async () => {
    const { browser } = await person(portal)
    for (const name of ['\u0000', 'a\nb', '\ud800', '\u202egnp.exe', 'x'.repeat(101)]) {
      assert.equal((await browser.post('/keys', { name })).statusCode, 400, JSON.stringify(name))
    }
    const { name } = (await browser.post('/keys', { name: 'Ann’s 💻 – Köln' })).json()
    assert.equal(name, 'Ann’s 💻 – Köln')
  })
})
