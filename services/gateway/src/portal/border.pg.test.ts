import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '@fluxgate/testing'
import type { InjectOptions } from 'fastify'
import { Browser, PASSWORD, person, startPortal, type TestPortal } from './test-browser.ts'

let portal: TestPortal
before(async () => {
  portal = await startPortal({}, { ownServer: true })
})
after(() => portal[Symbol.asyncDispose]())

async function ask(options: InjectOptions): Promise<{ status: number; code: string | undefined }> {
  const answer = await portal.app.inject({ method: 'POST', url: '/portal/logout', ...options })
  const code = answer.body === '' ? undefined : answer.json<{ error: { code: string } }>().error.code
  return { status: answer.statusCode, code }
}

describe('a request that changes something', () => {
  test('is refused when a page of another site sends it', async () => {
    const { browser } = await person(portal)
    const cookie = `__Host-fluxgate=${browser.cookie}`
    const foreign: Array<Record<string, string>> = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://gateway.example' },
      { 'sec-fetch-site': 'something new' },
      { origin: 'https://evil.example' },
      { origin: 'https://gateway.example.evil.example' },
      { origin: 'https://gateway.example:444' },
      { origin: 'null' },
    ]
    for (const headers of foreign) {
      for (const [method, url] of [
        ['POST', '/portal/logout'],
        ['POST', '/portal/login'],
        ['DELETE', '/portal/keys/key_1'],
      ] as const) {
        const answer = await ask({ method, url, headers: { host: 'gateway.example', cookie, ...headers } })
        assert.deepEqual(answer, { status: 403, code: 'cross_site' }, JSON.stringify(headers))
      }
    }
    assert.equal((await browser.get('/me')).statusCode, 200)
  })

  test('is answered when it comes from our own page, from the address bar or from no browser', async () => {
    const own: Array<Record<string, string>> = [
      { 'sec-fetch-site': 'same-origin', origin: 'https://gateway.example' },
      { 'sec-fetch-site': 'none' },
      { origin: 'https://gateway.example' },
      {},
    ]
    for (const headers of own) {
      assert.equal((await ask({ headers: { host: 'gateway.example', ...headers } })).status, 204)
    }
  })

  test('is answered when a page of ours elsewhere sends it', async () => {
    const app = await portal.portal({ origins: ['https://ops.example.com'] })
    const send = (origin: string) =>
      app.inject({
        method: 'POST',
        url: '/portal/logout',
        headers: { origin, 'sec-fetch-site': 'same-site' },
      })
    assert.equal((await send('https://ops.example.com')).statusCode, 204)
    assert.equal((await send('http://ops.example.com')).statusCode, 403)
  })

  test('is refused as a form could send it', async () => {
    const types = [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'text/json',
    ]
    for (const type of types) {
      const payload = JSON.stringify({ email: 'ann@example.com', password: PASSWORD })
      const answer = await ask({ url: '/portal/login', headers: { 'content-type': type }, payload })
      assert.deepEqual(answer, { status: 415, code: 'unsupported_media_type' }, type)
    }
  })
})

describe('a body', () => {
  const json = (payload: string) =>
    ask({ url: '/portal/login', headers: { 'content-type': 'application/json' }, payload })

  test('is JSON with what is asked for and nothing else', async () => {
    const bodies = ['', '{', '[]', 'null', '"x"', '{}', '{"email":"a@b.c"}', '{"email":1,"password":2}']
    const hostile = [
      '{"__proto__":{"role":"operator"},"email":"a@b.c","password":"x"}',
      '{"constructor":{"prototype":{"x":1}},"email":"a@b.c","password":"x"}',
    ]
    for (const body of [...bodies, ...hostile]) {
      assert.deepEqual(await json(body), { status: 400, code: 'invalid_body' }, body)
    }
  })

  test('is refused with words that hold nothing of it', async () => {
    const payload = JSON.stringify({ email: 'ann@example.com', password: { my: 'secret words' } })
    const answer = await portal.app.inject({
      method: 'POST',
      url: '/portal/login',
      headers: { 'content-type': 'application/json' },
      payload,
    })
    assert.ok(!answer.body.includes('secret words') && !answer.body.includes('ann@'))
  })

  test('is small', async () => {
    const payload = JSON.stringify({ email: 'a@b.c', password: 'x'.repeat(20_000) })
    assert.deepEqual(await json(payload), { status: 413, code: 'too_large' })
  })
})

describe('an answer', () => {
  test('to a path or a method that is not there is in the same form', async () => {
    for (const [method, url] of [
      ['GET', '/portal/nothing'],
      ['PUT', '/portal/me'],
      ['GET', '/portal/login'],
      ['TRACE', '/portal/me'],
    ] as const) {
      assert.deepEqual(await ask({ method, url } as InjectOptions), { status: 404, code: 'not_found' })
    }
  })

  test('is never cached and never taken for another type', async () => {
    for (const url of ['/portal/me', '/portal/nothing']) {
      const { headers } = await portal.app.inject({ method: 'GET', url })
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['x-content-type-options'], 'nosniff')
    }
  })
})

describe('while Postgres is away', () => {
  test('lets no request in and reveals no detail when Postgres is away', async () => {
    const { browser, email } = await person(portal)
    await portal.postgres.stop()
    portal.live.clear()
    for (const answer of [await browser.get('/me'), await new Browser(portal.app).logIn(email)]) {
      assert.equal(answer.statusCode, 503)
      assert.equal(answer.json().error.code, 'unavailable')
      assert.equal(answer.headers['retry-after'], '2')
    }
    await portal.postgres.start()
    await eventually(async () => assert.equal((await browser.get('/me')).statusCode, 200))
    assert.equal((await new Browser(portal.app).logIn(email)).statusCode, 200)
  })
})
