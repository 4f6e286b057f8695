import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setDisabled } from '@fluxgate/read-model'
import { DEFAULT_GUARD_LIMITS, LoginGuard } from '../accounts/login-guard.ts'
import { createPasswords } from '../accounts/password-hashes.worker.ts'
import { KNOWN } from '../accounts/passwords.ts'
import { Browser, PASSWORD, person, startPortal, type TestPortal } from './test-browser.ts'

interface Failure {
  readonly error: { message: string; type: string; code: string }
}

let portal: TestPortal
before(async () => {
  portal = await startPortal()
})
after(() => portal[Symbol.asyncDispose]())

const factsAbout = (user: string) =>
  portal.events
    .filter(event => (event.data as { user: string }).user === user)
    .map(event => event.type.slice('fluxgate.auth.'.length))

describe('an account', () => {
  test('cannot give itself a role, a tier or an id', async () => {
    for (const extra of [{ role: 'operator' }, { tier: 'pro' }, { id: 'root' }]) {
      const body = { email: 'sly@example.com', password: PASSWORD, ...extra }
      assert.equal((await new Browser(portal.app).post('/register', body)).statusCode, 400)
    }
    assert.equal(await portal.accounts.findUserByEmail('sly@example.com'), undefined)
  })

  test('that is there already answers like a new one, and keeps its password', async () => {
    const { email, id } = await person(portal)
    const before = portal.events.length
    const again = await new Browser(portal.app).register(email, 'another password of mine 7')
    const fresh = await new Browser(portal.app).register('fresh@example.com')
    assert.equal(again.statusCode, fresh.statusCode)
    assert.equal(again.body.replace(email, ''), fresh.body.replace('fresh@example.com', ''))
    assert.deepEqual(Object.keys(again.headers).sort(), Object.keys(fresh.headers).sort())
    assert.equal(portal.events.length, before + 1)
    assert.equal((await new Browser(portal.app).logIn(email, 'another password of mine 7')).statusCode, 401)
    const login = await new Browser(portal.app).logIn(email)
    assert.equal(login.json().user.id, id)
  })

  test('needs an address and a password worth the name', async () => {
    const cases: Array<[unknown, unknown, string]> = [
      ['no address', PASSWORD, 'invalid_email'],
      ['bob@example.com', 'short', 'weak_password'],
      ['bob@example.com', 'Password2026!', 'weak_password'],
      ['bob@example.com', 'x'.repeat(1_025), 'weak_password'],
      ['bob@example.com', undefined, 'invalid_body'],
      [['bob@example.com'], PASSWORD, 'invalid_body'],
      ['bob@example.com', { length: 20 }, 'invalid_body'],
    ]
    for (const [email, password, code] of cases) {
      const answer = await new Browser(portal.app).post('/register', { email, password })
      assert.equal(answer.statusCode, 400, code)
      assert.equal(answer.json<Failure>().error.code, code)
      assert.equal(answer.json<Failure>().error.type, 'invalid_request_error')
    }
  })
})

describe('a wrong password', () => {
  test('and an account that is not there get the same answer', async () => {
    const { email, id } = await person(portal)
    const before = portal.events.length
    const wrong = await new Browser(portal.app).logIn(email, 'not the password')
    const unknown = await new Browser(portal.app).logIn('nobody@example.com', 'not the password')
    assert.deepEqual([wrong.statusCode, unknown.statusCode], [401, 401])
    assert.equal(wrong.body, unknown.body)
    assert.deepEqual(Object.keys(wrong.headers), Object.keys(unknown.headers))
    const facts = portal.events
      .slice(before)
      .map(({ data }) => data as { user: string; key: string; reason: string })
    assert.deepEqual(
      facts.map(({ user, key, reason }) => [user, key, reason]),
      [
        [id, 'portal', 'wrong_credentials'],
        ['anonymous', 'portal', 'wrong_credentials'],
      ],
    )
  })

  test('takes as long to find as an account that is not there', async () => {
    const app = await portal.portal({ guard: new LoginGuard() })
    const { email } = await person(portal)
    const took = async (address: string) => {
      const beganMs = performance.now()
      assert.equal((await new Browser(app).logIn(address, 'not the password')).statusCode, 401)
      return performance.now() - beganMs
    }
    let wrongMs = Number.POSITIVE_INFINITY
    let unknownMs = Number.POSITIVE_INFINITY
    // Turn by turn and the best of each, so that a busy machine slows neither alone.
    for (let turn = 0; turn < 4; turn++) {
      wrongMs = Math.min(wrongMs, await took(email))
      unknownMs = Math.min(unknownMs, await took(`nobody${turn}@example.com`))
    }
    // Without the hashing of a password an answer takes less than a tenth of this.
    assert.ok(unknownMs > wrongMs / 3 && wrongMs > unknownMs / 3, `${wrongMs} ms, ${unknownMs} ms`)
  })

  test('five times costs a wait, of which the log hears once', async () => {
    // A wait that outlasts the test, however busy the machine is.
    const pair = { ...DEFAULT_GUARD_LIMITS.pair, baseMs: 60_000 }
    const app = await portal.portal({ guard: new LoginGuard({ ...DEFAULT_GUARD_LIMITS, pair }) })
    const { email } = await person(portal)
    const tries = await Promise.all(
      Array.from({ length: 12 }, () => new Browser(app).logIn(email, 'not the password')),
    )
    const buffered = tries.filter(answer => answer.statusCode === 429)
    assert.equal(buffered.length, 7)
    assert.equal(buffered[0]?.headers['retry-after'], '60')
    assert.equal(buffered[0]?.json<Failure>().error.code, 'too_many_attempts')
    assert.equal((await new Browser(app).logIn(email)).statusCode, 429)
    const account = portal.events.findLast(event => event.type === 'fluxgate.auth.login_failed')?.data.account
    const reported = portal.events.filter(
      ({ type, data }) =>
        type === 'fluxgate.auth.login_failed' && data.reason === 'backed_off' && data.account === account,
    )
    assert.equal(reported.length, 1)
  })

  test('is not tried when too many are waiting', async () => {
    const passwords = await createPasswords({
      maxAtOnce: 1,
      maxStrangersAtOnce: 1,
      maxWaiting: 1,
      maxStrangersWaiting: 1,
    })
    const app = await portal.portal({ passwords, guard: new LoginGuard() })
    const { email } = await person(portal)
    const answers = await Promise.all(Array.from({ length: 5 }, () => new Browser(app).logIn(email)))
    const statuses = answers.map(answer => answer.statusCode).toSorted()
    assert.deepEqual(statuses, [200, 200, 503, 503, 503])
    assert.equal(answers.find(answer => answer.statusCode === 503)?.headers['retry-after'], '1')
    assert.equal((await new Browser(app).logIn(email)).statusCode, 200)
  })

  test('of a length that would cost too much is refused before it is hashed', async () => {
    const answer = await new Browser(portal.app).logIn('ann@example.com', 'ä'.repeat(513))
    assert.equal(answer.statusCode, 400)
  })
})

describe('a password', () => {
  test('is hashed anew at the login after the parameters have risen', async () => {
    const { email, id } = await person(portal)
    const weak = await createPasswords({ passes: 1, memoryKib: 1_024 })
    const hashed = await weak.hash(PASSWORD, KNOWN)
    const before = (await portal.accounts.findUserById(id))?.passwordHash ?? null
    assert.ok(hashed.ok && (await portal.accounts.changePassword(id, before, hashed.hash)))
    assert.equal((await new Browser(portal.app).logIn(email)).statusCode, 200)
    const after = (await portal.accounts.findUserById(id))?.passwordHash
    assert.match(after ?? '', /^\$argon2id\$v=19\$m=19456,p=1,t=2\$|^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.equal((await new Browser(portal.app).logIn(email)).statusCode, 200)
  })
})

describe('a session', () => {
  test('ends when its user is disabled, and the user cannot log in again', async () => {
    const { browser, email, id } = await person(portal)
    await setDisabled(portal.db, id, Date.now())
    portal.live.clear()
    assert.equal((await browser.get('/me')).statusCode, 401)
    const right = await new Browser(portal.app).logIn(email)
    assert.deepEqual([right.statusCode, right.json<Failure>().error.code], [403, 'account_disabled'])
    assert.equal((await new Browser(portal.app).logIn(email, 'not the password')).statusCode, 401)
    assert.deepEqual(factsAbout(id).slice(-2), ['login_failed', 'login_failed'])
  })

  test('is another after each login, and the one before ends', async () => {
    const { browser, email } = await person(portal)
    const before = browser.cookie
    await browser.logIn(email)
    assert.notEqual(browser.cookie, before)
    const thief = new Browser(portal.app)
    thief.cookie = before
    assert.equal((await thief.get('/me')).statusCode, 401)
    assert.equal((await browser.get('/me')).statusCode, 200)
  })

  test('is not to be had with a token that is false or about a session that is not', async () => {
    const { browser, id } = await person(portal)
    const tokens = [
      '',
      'x',
      `${browser.cookie}x`,
      (await portal.sessions.issue({ id: 'made-up-session', user: id, role: 'operator' })).token,
    ]
    for (const token of tokens) {
      const thief = new Browser(portal.app)
      thief.cookie = token
      assert.equal((await thief.get('/me')).statusCode, 401, token)
    }
  })
})

describe('an API key', () => {
  test('is revoked by its owner alone', async () => {
    const revoked: string[] = []
    const app = await portal.portal({ onKeyRevoked: id => revoked.push(id) })
    const { browser, id: user } = await person({ app })
    const { id } = (await browser.post('/keys', { name: 'ci' })).json<{ id: string }>()
    const stranger = (await person({ app })).browser
    assert.equal((await stranger.delete(`/keys/${id}`)).statusCode, 404)
    assert.equal((await new Browser(app).delete(`/keys/${id}`)).statusCode, 401)
    assert.equal((await browser.delete(`/keys/${id}`)).statusCode, 204)
    assert.deepEqual(revoked, [id])
    assert.deepEqual(factsAbout(user).slice(-2), ['key_created', 'key_revoked'])
    assert.equal((await browser.delete(`/keys/${id}`)).statusCode, 204)
    const reported = portal.events.filter(
      event => event.type === 'fluxgate.auth.key_revoked' && event.data.key === id,
    )
    assert.equal(new Set(reported.map(event => event.id)).size, 1)
    assert.equal((await browser.delete('/keys/no-such-key')).statusCode, 404)
  })

  test('is one of a hundred at the most', async () => {
    const { browser, id } = await person(portal)
    const { issueKey } = await import('../accounts/account-keys.ts')
    for (let i = 0; i < 100; i++) await issueKey(portal.deps, { userId: id, name: `${i}`, actor: 'admin' })
    const refused = await browser.post('/keys')
    assert.deepEqual([refused.statusCode, refused.json<Failure>().error.code], [409, 'conflict'])
  })
})

describe('nothing that is secret', () => {
  test('is in an event or a log line', async () => {
    const { browser, email } = await person(portal)
    await new Browser(portal.app).logIn(email, 'some wrong password')
    const { key } = (await browser.post('/keys')).json<{ key: string }>()
    const reported = JSON.stringify([portal.events, portal.logged])
    for (const secret of [
      '@example.com',
      PASSWORD,
      'some wrong password',
      'argon2',
      key,
      key.slice(12),
      browser.cookie,
    ]) {
      assert.ok(!reported.includes(String(secret)), String(secret))
    }
  })
})
