import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { checkApiKey, hashBytes } from '../accounts/api-key.ts'
import { Browser, PASSWORD, startPortal, type TestPortal } from './test-browser.ts'

const EMAIL = 'ann@example.com'
const NEXT = 'eight blue lamps over Porto'
const DAY_MS = 86_400_000
const SESSION_MS = 12 * 3_600_000

describe('through the portal', () => {
  let portal: TestPortal
  let laptop: Browser
  let phone: Browser
  let userId: string
  before(async () => {
    portal = await startPortal()
    laptop = new Browser(portal.app)
    phone = new Browser(portal.app, { 'user-agent': 'a phone' })
  })
  after(() => portal[Symbol.asyncDispose]())

  const lastFact = () => {
    const { type, data } = portal.events.at(-1) ?? assert.fail('nothing was published')
    return { fact: type.slice('fluxgate.auth.'.length), ...data } as Record<string, unknown>
  }
  const statusOf = async (browser: Browser) => (await browser.get('/me')).statusCode

  test('one registers, in any spelling of the address', async () => {
    const answer = await laptop.register(' Ann@Example.com ')
    assert.deepEqual([answer.statusCode, answer.json().email], [201, EMAIL])
    assert.equal(laptop.cookie, undefined)
    const user = (await portal.accounts.findUserByEmail(EMAIL)) ?? assert.fail('no user')
    userId = user.id
    assert.match(userId, /^usr_\w{16}$/)
    assert.deepEqual([user.role, user.tier, user.disabledAt], ['developer', 'free', null])
    assert.match(user.passwordHash ?? '', /^\$argon2id\$v=19\$m=19456,(t=2,p=1|p=1,t=2)\$/)
    const about = { user: userId, key: 'portal', role: 'developer', tier: 'free' }
    assert.deepEqual(lastFact(), { fact: 'registered', ...about, actor: 'self', address: '127.0.0.1' })
  })

  test('one logs in, and gets a cookie that no script can read and no other site can send', async () => {
    const answer = await laptop.logIn(EMAIL)
    assert.equal(answer.statusCode, 200)
    const { user, expiresAt } = answer.json()
    assert.deepEqual(user, { id: userId, email: EMAIL, role: 'developer', tier: 'free' })
    assert.ok(Math.abs(expiresAt - Date.now() - SESSION_MS) < 60_000)
    const [cookie = '', device = ''] = [answer.headers['set-cookie']].flat().map(String)
    assert.match(cookie, /^__Host-fluxgate=[\w-]+\.[\w-]+\.[\w-]+; /)
    const attributes = cookie.split('; ').slice(1).sort()
    assert.deepEqual(attributes, ['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict', 'Secure'])
    assert.match(
      device,
      /^__Host-fluxgate-device=\w{16}\.\w+\.[\w-]{43}; Max-Age=15552000; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.ok(!answer.body.includes(laptop.cookie ?? ''), 'the token is in the cookie alone')
    const { fact, account } = lastFact()
    const hashed = portal.deps.accountHash(EMAIL)
    assert.deepEqual([fact, account], ['login_succeeded', hashed])
  })

  test('users see themselves, and a request without a session does not', async () => {
    const { id, email, role, tier } = (await laptop.get('/me')).json()
    assert.deepEqual([id, email, role, tier], [userId, EMAIL, 'developer', 'free'])
    const none = await new Browser(portal.app).get('/me')
    assert.deepEqual([none.statusCode, none.json().error.code], [401, 'not_logged_in'])
  })

  test('one makes a key, sees it whole once, and revokes it', async () => {
    const made = await laptop.post('/keys', { name: 'ci', expires_in_days: 30 })
    assert.equal(made.statusCode, 201)
    const { key, ...shown } = made.json()
    const { id, prefix, name, expiresAt } = shown
    const checked = checkApiKey(key)
    assert.ok(checked.ok)
    assert.equal((await portal.accounts.findKeyByHash(hashBytes(checked.hash)))?.userId, userId)
    assert.match(id, /^key_\w+$/)
    assert.deepEqual([prefix, name], [key.slice(0, 12), 'ci'])
    assert.ok(Math.abs(expiresAt - Date.now() - 30 * DAY_MS) < 60_000)
    const about = { user: userId, key: id, actor: 'self' }
    assert.deepEqual(lastFact(), { fact: 'key_created', ...about, name, prefix, expiresAt })
    assert.deepEqual((await laptop.get('/keys')).json(), { keys: [shown] })
    assert.ok(!JSON.stringify(portal.events).includes(key))

    assert.equal((await laptop.delete(`/keys/${id}`)).statusCode, 204)
    assert.deepEqual(lastFact(), { fact: 'key_revoked', ...about })
    assert.equal(typeof (await laptop.get('/keys')).json().keys[0].revokedAt, 'number')
  })

  test('one makes a key without a word', async () => {
    const { name, expiresAt } = (await laptop.post('/keys')).json()
    assert.deepEqual([name, expiresAt], ['', null])
    for (const body of [
      { name: 'line\nbreak' },
      { expires_in_days: 0 },
      { expires_in_days: 1.5 },
      { x: 1 },
    ]) {
      assert.equal((await laptop.post('/keys', body)).statusCode, 400, JSON.stringify(body))
    }
  })

  test('one sees where one is logged in, and ends a session from another', async () => {
    await phone.logIn(EMAIL)
    const { sessions } = (await laptop.get('/sessions')).json()
    const seen = sessions.map(({ agent, current }: Record<string, unknown>) => [agent, current])
    assert.deepEqual(seen, [
      ['a phone', false],
      ['a browser', true],
    ])
    const path = `/sessions/${sessions[0].id}`
    const eve = new Browser(portal.app)
    await eve.register('eve@example.com')
    await eve.logIn('eve@example.com')
    assert.equal((await eve.delete(path)).statusCode, 404)
    assert.equal(await statusOf(phone), 200)
    assert.equal((await laptop.delete(path)).statusCode, 204)
    assert.deepEqual([lastFact().fact, lastFact().session], ['logged_out', sessions[0].id])
    assert.equal(await statusOf(phone), 401)
    assert.equal((await laptop.delete(path)).statusCode, 404)
  })

  test('a new password ends every other session, and the old one is no password any more', async () => {
    await phone.logIn(EMAIL)
    const before = laptop.cookie
    const change = (current: string, next: string) => laptop.post('/password', { current, new: next })
    assert.equal((await change('not the password', NEXT)).statusCode, 401)
    assert.equal((await change(PASSWORD, 'short')).json().error.code, 'weak_password')
    assert.equal(await statusOf(phone), 200)
    const tellsChange = ({ type }: FluxgateEvent) => type === 'fluxgate.auth.password_changed'
    assert.equal(portal.events.filter(tellsChange).length, 0)
    assert.equal((await change(PASSWORD, NEXT)).statusCode, 200)
    assert.deepEqual(
      portal.events.filter(tellsChange).map(({ data }) => data),
      [{ user: userId, key: 'portal', actor: 'self', address: '127.0.0.1' }],
    )
    assert.notEqual(laptop.cookie, before)
    assert.deepEqual([await statusOf(laptop), await statusOf(phone)], [200, 401])
    const thief = new Browser(portal.app)
    thief.cookie = before
    assert.equal(await statusOf(thief), 401)
    assert.equal((await phone.logIn(EMAIL)).statusCode, 401)
    assert.equal((await phone.logIn(EMAIL, NEXT)).statusCode, 200)
  })

  test('a logout ends the session, not only the cookie, and twice is no fault', async () => {
    const token = laptop.cookie
    const answer = await laptop.post('/logout')
    assert.deepEqual([answer.statusCode, laptop.cookie], [204, undefined])
    assert.match(
      String(answer.headers['set-cookie']),
      /^__Host-fluxgate=; .*(Max-Age=0|Expires=Thu, 01 Jan 1970)/,
    )
    laptop.cookie = token
    assert.equal(await statusOf(laptop), 401)
    assert.equal((await laptop.post('/keys')).statusCode, 401)
    assert.equal((await laptop.post('/logout', {})).statusCode, 204)
    assert.equal(await statusOf(phone), 200)
  })

  test('one logs out everywhere', async () => {
    await laptop.logIn(EMAIL, NEXT)
    const tokens = [laptop.cookie, phone.cookie]
    assert.deepEqual((await laptop.post('/logout-everywhere')).json(), { ended: 2 })
    for (const token of tokens) {
      laptop.cookie = token
      assert.equal(await statusOf(laptop), 401)
    }
  })

  test('a session ends by itself, whatever its token says', async () => {
    await laptop.logIn(EMAIL, NEXT)
    const past = new Date(Date.now() - 1)
    await portal.db.updateTable('sessions').set({ expires_at: past }).where('user_id', '=', userId).execute()
    portal.live.clear()
    assert.equal(await statusOf(laptop), 401)
  })
})
