import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { administer } from '../accounts/admin-accounts.ts'
import { registrationMode } from '../accounts/registration.ts'
import { parseRegistrationMode, type RegistrationMode } from '../config/registration-mode.ts'
import { Browser, PASSWORD, person, startPortal, type TestPortal } from './test-browser.ts'

const HOUR_MS = 3_600_000

let portal: TestPortal
before(async () => {
  portal = await startPortal()
})
after(() => portal[Symbol.asyncDispose]())

const withMode = (mode: RegistrationMode) => portal.portal({ registrationMode: async () => mode })
const byInvitation = () => withMode({ kind: 'invite' })
const codeOf = (answer: { json<T>(): T }) => answer.json<{ error: { code: string } }>().error.code
const registered = (email: string) => portal.accounts.findUserByEmail(email)

function admin(epochMs = Date.now) {
  const { accounts, append, make } = portal.deps
  const readLimits = async () => ({ tiers: {}, identities: {} })
  return administer({ accounts, append, make, random: randomBytes, epochMs, readLimits })
}

async function invite(email: string, wanted: { role?: 'developer' | 'operator'; expiresAt?: number } = {}) {
  const { role = 'developer', expiresAt = Date.now() + HOUR_MS } = wanted
  const made = await admin().createInvitation({ email, role, tier: 'pro', expiresAt })
  assert.ok(made.ok)
  return made.value
}

describe('registration', () => {
  test('is closed to strangers in the modes invite and off, and says who may register', async () => {
    for (const kind of ['invite', 'off'] as const) {
      const app = await withMode({ kind })
      const answer = await new Browser(app).register('stranger@example.com')
      assert.deepEqual([answer.statusCode, codeOf(answer)], [403, 'registration_closed'])
      assert.deepEqual((await new Browser(app).get('/registration')).json(), { mode: kind })
    }
    assert.equal(await registered('stranger@example.com'), undefined)
  })

  test('answers alike for an address with an account and one without when it is closed', async () => {
    const { email } = await person(portal)
    const app = await byInvitation()
    const [known, unknown] = [
      await new Browser(app).register(email),
      await new Browser(app).register('unknown@example.com'),
    ]
    assert.deepEqual([known.statusCode, known.body], [unknown.statusCode, unknown.body])
    // Nor does a login with the tried password afterwards.
    const logins = [
      await new Browser(app).logIn(email, 'tried before 77 x'),
      await new Browser(app).logIn('unknown@example.com', 'tried before 77 x'),
    ]
    assert.equal(logins[0]!.statusCode, 401)
    assert.deepEqual([logins[0]!.statusCode, logins[0]!.body], [logins[1]!.statusCode, logins[1]!.body])
  })

  test('is open to addresses of a domain in the mode domain', async () => {
    const app = await withMode({ kind: 'domain', domain: 'corp.example' })
    assert.equal((await new Browser(app).register('ann@corp.example')).statusCode, 201)
    for (const email of ['ann@evil-corp.example', 'ann@sub.corp.example', 'ann@corp.example.evil'])
      assert.equal(codeOf(await new Browser(app).register(email)), 'registration_closed', email)
    const info = (await new Browser(app).get('/registration')).json()
    assert.deepEqual(info, { mode: 'domain', domain: 'corp.example' })
  })

  test('without a setting is open until there is an operator and by invitation from then on', async () => {
    let operators = false
    let asked = 0
    const mode = registrationMode(undefined, async () => {
      asked++
      return operators
    })
    assert.deepEqual(await mode(), { kind: 'open' })
    operators = true
    assert.deepEqual([await mode(), await mode()], [{ kind: 'invite' }, { kind: 'invite' }])
    assert.equal(asked, 2)
    const { accounts } = portal
    assert.equal(await accounts.hasOperator(), false)
    await accounts.createUser({ id: 'op', email: 'op@example.com', role: 'operator', createdAt: 0 })
    assert.equal(await accounts.hasOperator(), true)
  })

  test('takes the settings open, invite, off and domain, and nothing else', () => {
    assert.deepEqual(parseRegistrationMode('domain:Example.COM'), { kind: 'domain', domain: 'example.com' })
    for (const text of ['open', 'invite', 'off'])
      assert.deepEqual(parseRegistrationMode(text), { kind: text })
    for (const text of ['', 'closed', 'domain:', 'domain:@x', 'domain:a..b'])
      assert.equal(parseRegistrationMode(text), undefined, text)
  })
})

describe('an invitation', () => {
  test('makes one account with its role and tier, for its address alone, and is used up by that', async () => {
    const app = await byInvitation()
    const { token, invitation } = await invite('lead@example.com', { role: 'operator' })
    const other = await new Browser(app).register('other@example.com', PASSWORD, token)
    assert.deepEqual([other.statusCode, codeOf(other)], [403, 'invalid_invitation'])
    assert.equal((await new Browser(app).register('Lead@Example.com', PASSWORD, token)).statusCode, 201)
    const made = await registered('lead@example.com')
    assert.deepEqual([made?.role, made?.tier], ['operator', 'pro'])
    const event = portal.events.findLast(each => each.type === 'fluxgate.auth.registered')
    assert.equal(
      event?.type === 'fluxgate.auth.registered' && event.data.actor,
      `invitation:${invitation.id}`,
    )
    const again = await new Browser(app).register('lead@example.com', PASSWORD, token)
    assert.deepEqual([again.statusCode, codeOf(again)], [403, 'invalid_invitation'])
    const shown = (await admin().listInvitations()).find(each => each.id === invitation.id)
    assert.deepEqual([shown?.usedBy, shown?.email], [made?.id, null])
    assert.equal((await new Browser(app).logIn('lead@example.com')).statusCode, 200)
  })

  test('is used up by one of many who use it at the same time', async () => {
    const app = await byInvitation()
    const { token } = await invite('race@example.com')
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        new Browser(app).register('race@example.com', `${PASSWORD} ${i}`, token),
      ),
    )
    assert.equal(answers.filter(answer => answer.statusCode === 201).length, 1)
  })

  test('cannot be used when it is unknown, expired or revoked, and each gets the same answer', async () => {
    const app = await byInvitation()
    const expired = await invite('late@example.com', { expiresAt: Date.now() - 1 })
    const revoked = await invite('gone@example.com')
    assert.ok((await admin().revokeInvitation(revoked.invitation.id)).ok)
    assert.equal((await admin().revokeInvitation(revoked.invitation.id)).ok, false)
    const answers = [
      await new Browser(app).register('late@example.com', PASSWORD, expired.token),
      await new Browser(app).register('gone@example.com', PASSWORD, revoked.token),
      await new Browser(app).register('gone@example.com', PASSWORD, 'x'.repeat(32)),
      await new Browser(app).register('gone@example.com', PASSWORD, 'no token'),
    ]
    assert.deepEqual(new Set(answers.map(answer => `${answer.statusCode} ${answer.body}`)).size, 1)
    assert.equal(codeOf(answers[0]!), 'invalid_invitation')
  })

  test('answers as ever when its address has got an account meanwhile, and keeps that account', async () => {
    const app = await byInvitation()
    const { token } = await invite('early@example.com')
    await portal.accounts.createUser({ id: 'early', email: 'early@example.com', createdAt: 0 })
    assert.equal((await new Browser(app).register('early@example.com', PASSWORD, token)).statusCode, 201)
    assert.equal((await registered('early@example.com'))?.id, 'early')
    assert.equal((await new Browser(app).logIn('early@example.com')).statusCode, 401)
    const again = await admin().createInvitation({
      email: 'early@example.com',
      role: 'developer',
      tier: 'free',
      expiresAt: 1,
    })
    assert.equal(!again.ok && again.fault.code, 'conflict')
  })

  test('stays good when the password is refused', async () => {
    const app = await byInvitation()
    const { token } = await invite('weak@example.com')
    assert.equal(
      codeOf(await new Browser(app).register('weak@example.com', 'Qwerty123456789', token)),
      'weak_password',
    )
    assert.equal((await new Browser(app).register('weak@example.com', PASSWORD, token)).statusCode, 201)
  })

  test('is in no event and no row by its token or address once it has ended', async () => {
    const app = await byInvitation()
    const { token, invitation } = await invite('quiet@invited.example')
    const before = JSON.stringify(portal.events)
    assert.ok(
      before.includes(invitation.id) && !before.includes(token) && !before.includes('invited.example'),
    )
    await new Browser(app).register('quiet@invited.example', PASSWORD, token)
    const expired = await invite('late@invited.example', { expiresAt: Date.now() - 1 })
    const rows = JSON.stringify(await admin().listInvitations())
    assert.ok(
      rows.includes(expired.invitation.id) && !rows.includes('invited.example') && !rows.includes(token),
    )
    const later = () => Date.now() + 31 * 24 * HOUR_MS
    assert.deepEqual(await admin(later).listInvitations(), [])
  })
})
