import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { eventually, newSessionKeys, SESSION_KEYS } from '@fluxgate/testing'
import { oidcUser } from '../callers/oidc-claims.ts'
import { AUDIENCE, startIssuer, type TestIssuer } from '../callers/test-issuer.ts'
import type { Gateway } from '../service.ts'
import { startGateways, type TestGateways } from './gateways.ts'

const PASSWORD = 'plum wagon seldom quiet'
const stack = new AsyncDisposableStack()
let issuer: TestIssuer
let gateways: TestGateways

before(async () => {
  issuer = stack.use(await startIssuer())
  gateways = stack.use(
    await startGateways(['one', 'two'], {
      OIDC_ISSUER: issuer.url,
      OIDC_AUDIENCE: AUDIENCE,
      OIDC_TIER_CLAIM: 'plan',
      OIDC_TIERS: 'paying=pro',
    }),
  )
})
after(() => stack.disposeAsync())

/** A person with an account, logged in at a node: the token of the session's cookie, and what else the portal tells. */
const logIn = (node: number, name: string) => logInAt(gateways.nodes[node]!, name)

async function logInAt(
  node: Gateway,
  name: string,
): Promise<{ token: string; cookie: string; user: string }> {
  const portal = `http://127.0.0.1:${node.publicPort}/portal`
  const credentials = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: `${name}@example.com`, password: PASSWORD }),
  }
  await fetch(`${portal}/register`, credentials)
  const answer = await fetch(`${portal}/login`, credentials)
  assert.equal(answer.status, 200)
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const { user } = (await answer.json()) as { user: { id: string } }
  return { token: cookie.slice(cookie.indexOf('=') + 1), cookie, user: user.id }
}

/** A login as the person at the door sees it. */
async function tryLogIn(node: number, name: string, password: string) {
  const answer = await fetch(`http://127.0.0.1:${gateways.nodes[node]!.publicPort}/portal/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: `${name}@example.com`, password }),
  })
  const { failedLogins } = (await answer.json()) as {
    failedLogins?: { count: number; lastAt?: number; lastAddress?: string }
  }
  return { status: answer.status, failedLogins }
}

const portal = (node: number, method: string, path: string, cookie: string) =>
  portalAt(gateways.nodes[node]!, method, path, cookie)

async function portalAt(node: Gateway, method: string, path: string, cookie: string): Promise<number> {
  const url = `http://127.0.0.1:${node.publicPort}/portal${path}`
  const answer = await fetch(url, { method, headers: { cookie } })
  await answer.arrayBuffer()
  return answer.status
}

const both = (token: string) => Promise.all([gateways.call(0, token), gateways.call(1, token)])
const short = (events: FluxgateEvent[]) => events.map(({ type }) => type.slice('fluxgate.'.length))
const eventuallyBoth = (token: string, status: number) =>
  eventually(async () => assert.deepEqual(await both(token), [status, status]))

describe('a session of the portal', () => {
  it('calls models as its user, on the API’s paths only by its token, until it is logged out anywhere', async () => {
    const { token, cookie, user } = await logIn(0, 'ann')
    assert.deepEqual(await both(token), [200, 200])
    await eventually(async () => {
      const admitted = await gateways.facts('REQUESTS', user)
      assert.ok(admitted.length > 0 && admitted.every(({ subject }) => subject === `${user}.session`))
      assert.ok(short(await gateways.facts('AUTH', user)).includes('auth.key_accepted'))
    })
    // No other site can make a browser call models with the cookie alone.
    const url = `http://127.0.0.1:${gateways.nodes[0]!.publicPort}/v1/chat/completions`
    const withCookie = await fetch(url, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json' },
      body: '{"model":"m"}',
    })
    assert.equal(withCookie.status, 401)
    assert.equal(await portal(1, 'POST', '/logout', cookie), 204)
    assert.equal(await gateways.call(1, token), 401, 'at once where it was ended')
    await eventuallyBoth(token, 401)
  })

  it('ends with its user, keys too, and comes back with a new login only', async () => {
    const { token, cookie, user } = await logIn(0, 'bob')
    const { body: made } = await gateways.admin('POST', '/admin/keys/generate', { user_id: user })
    const key = String(made.key)
    assert.deepEqual(
      [await both(token), await both(key)],
      [
        [200, 200],
        [200, 200],
      ],
    )
    const order = { user_id: user, reason: 'chargeback' }
    const disabled = await gateways.admin('POST', '/admin/users/disable', order)
    assert.equal(disabled.status, 200)
    assert.equal(typeof disabled.body.disabledAt, 'number')
    assert.equal(await gateways.call(0, key), 401, 'at once where it was ordered')
    assert.equal(await gateways.call(0, token), 401)
    await eventuallyBoth(key, 401)
    await eventuallyBoth(token, 401)
    assert.equal(await portal(1, 'GET', '/me', cookie), 401)

    assert.equal((await gateways.admin('POST', '/admin/users/enable', { user_id: user })).status, 200)
    await eventuallyBoth(key, 200)
    assert.deepEqual(await both(token), [401, 401], 'the old session stays ended')
    assert.deepEqual(await both((await logIn(1, 'bob')).token), [200, 200])
    await eventually(async () => {
      const facts = (await gateways.facts('AUTH', user)).filter(
        ({ type }) => !/key_accepted|login|registered/.test(type),
      )
      assert.deepEqual(short(facts), [
        'auth.key_created',
        'auth.user_disabled',
        'auth.logged_out',
        'auth.user_enabled',
      ])
      const reported = facts[1]?.data as { actor: string; reason: string }
      assert.deepEqual([reported.actor, reported.reason], ['admin', 'chargeback'])
    })
  })
})

it('sessions outlive a change of SESSION_PRIVATE_KEY while the key before verifies, and not its withdrawal', async () => {
  const { privateKey: SESSION_PRIVATE_KEY } = newSessionKeys()
  const me = (node: Gateway, cookie: string) => portalAt(node, 'GET', '/me', cookie)
  const old = await logIn(0, 'hal')
  await using rotating = await gateways.start('rotating', {
    SESSION_PRIVATE_KEY,
    SESSION_PUBLIC_KEY_OTHER: SESSION_KEYS.publicKey,
  })
  await using rotated = await gateways.start('rotated', { SESSION_PRIVATE_KEY })
  const anew = await logInAt(rotating, 'hal')
  assert.deepEqual(
    [await me(gateways.nodes[0]!, old.cookie), await me(rotating, old.cookie), await me(rotated, old.cookie)],
    [200, 200, 401],
  )
  assert.deepEqual(
    [
      await me(gateways.nodes[0]!, anew.cookie),
      await me(rotating, anew.cookie),
      await me(rotated, anew.cookie),
    ],
    [401, 200, 200],
    'a node signs with the new one only',
  )
})

it('a login shows the failed attempts since the last one, at any node', async () => {
  const { user } = await logIn(0, 'gil')
  const beganAt = Date.now()
  for (const node of [0, 1, 1]) assert.equal((await tryLogIn(node, 'gil', 'a guess')).status, 401)
  await eventually(async () => {
    const failed = short(await gateways.facts('AUTH', user)).filter(type => type === 'auth.login_failed')
    assert.equal(failed.length, 3)
  })
  const reported = await tryLogIn(0, 'gil', PASSWORD)
  assert.equal(reported.status, 200)
  assert.equal(reported.failedLogins?.count, 3)
  assert.equal(reported.failedLogins?.lastAddress, '127.0.0.1')
  const { lastAt = 0 } = reported.failedLogins ?? {}
  assert.ok(lastAt >= beganAt && lastAt <= Date.now())
  await eventually(async () => {
    const facts = short(await gateways.facts('AUTH', user))
    assert.equal(facts.filter(type => type === 'auth.login_succeeded').length, 2)
  })
  assert.deepEqual((await tryLogIn(1, 'gil', PASSWORD)).failedLogins, { count: 0 }, 'it is told once')
})

it('a key or a token in the query is refused: it would appear in logs', async () => {
  const { body: made } = await gateways.admin('POST', '/admin/keys/generate', { user_id: 'fay' })
  const url = `http://127.0.0.1:${gateways.nodes[0]!.publicPort}/v1/models`
  for (const text of [String(made.key), await issuer.token()]) {
    assert.equal(await gateways.call(0, text), 200)
    for (const name of ['key', 'api_key', 'access_token', 'authorization']) {
      const answer = await fetch(`${url}?${name}=${text}`)
      assert.equal(answer.status, 401, name)
      await answer.arrayBuffer()
    }
  }
})

describe('a token of the issuer', () => {
  it('calls models under a name of its own, in the tier of its claim', async () => {
    const token = await issuer.token({ sub: 'carol@example.com', plan: 'paying' })
    assert.deepEqual(await both(token), [200, 200])
    const user = oidcUser(issuer.url, 'carol@example.com')
    await eventually(async () => {
      const admitted = (await gateways.facts('REQUESTS', user)).filter(({ type }) =>
        type.endsWith('.admitted'),
      )
      assert.deepEqual(
        admitted.map(({ subject, data }) => [subject, (data as { tier: string }).tier]),
        [
          [`${user}.oidc`, 'pro'],
          [`${user}.oidc`, 'pro'],
        ],
      )
    })
    await eventually(async () => {
      const accepted = await gateways.facts('AUTH', user)
      assert.deepEqual(short(accepted), ['auth.key_accepted', 'auth.key_accepted'])
      assert.ok(!JSON.stringify(accepted).includes('carol'), 'no address of a person is in the log')
    })
    const taken = await gateways.admin('POST', '/admin/users', { user_id: user })
    assert.equal(taken.status, 400, 'no other user can get that name')
    assert.equal((await gateways.admin('POST', '/admin/keys/generate', { user_id: user })).status, 400)
  })

  it('learns why it is refused, and the log records it', async () => {
    const url = `http://127.0.0.1:${gateways.nodes[0]!.publicPort}/v1/models`
    const ask = async (token: string) => {
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
      const { error } = (await answer.json()) as { error: { message: string; code: string } }
      return [answer.status, error.code, error.message]
    }
    const expired = await ask(await issuer.token({ exp: Math.floor(Date.now() / 1_000) - 60 }))
    assert.deepEqual(expired, [401, 'invalid_api_key', 'This token has expired.'])
    const [status, code] = await ask(await issuer.token({ aud: 'another' }))
    assert.deepEqual([status, code], [401, 'invalid_api_key'])
    await ask('a.b.c')
    await eventually(async () => {
      const reasons = (await gateways.facts('REFUSALS', 'anonymous'))
        .filter(({ type }) => type === 'fluxgate.auth.key_rejected')
        .map(({ data }) => (data as { reason: string }).reason)
      for (const reason of ['expired', 'unknown', 'malformed']) assert.ok(reasons.includes(reason), reason)
    })
  })

  it('works while the issuer is away', async () => {
    assert.deepEqual(await both(await issuer.token({ sub: 'dave' })), [200, 200])
    await issuer.stop()
    assert.deepEqual(await both(await issuer.token({ sub: 'erin' })), [200, 200])
  })
})
