import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { base64url, CompactSign, SignJWT } from 'jose'
import { oidcUser } from './oidc-claims.ts'
import { type CallersScene, nowS, rejected, startCallers } from './test-callers.ts'
import { AUDIENCE, newIssuerKey, startIssuer, type TestIssuer } from './test-issuer.ts'

let scene: CallersScene
let issuer: TestIssuer
beforeEach(async () => {
  scene = await startCallers()
  issuer = scene.issuer
})
afterEach(() => scene[Symbol.asyncDispose]())

const text = (value: object | string) =>
  base64url.encode(typeof value === 'string' ? value : JSON.stringify(value))
const ask = (token: string) => scene.ask(token)

describe('a token of the issuer', () => {
  test('lets its user in, under an id that is unique and reveals nothing', async () => {
    const answer = await ask(await issuer.token())
    assert.equal(answer.kind, 'accepted')
    if (answer.kind !== 'accepted') return
    const { identity, identityText, tier } = answer.caller
    assert.match(identity.user, /^oidc_[A-Za-z0-9_-]{22}$/)
    assert.deepEqual([identity.key, identityText, tier], ['oidc', `${identity.user}.oidc`, 'free'])
    assert.equal(identity.user, oidcUser(issuer.url, 'ann@example.com'))
    assert.notEqual(identity.user, oidcUser('https://other.example', 'ann@example.com'))
  })

  test('is answered at once while it is remembered, and asked of the issuer once', async () => {
    const token = await issuer.token()
    const first = scene.callers.lookup(token)
    assert.ok(first instanceof Promise)
    const [one, two] = await Promise.all([first, scene.callers.lookup(token)])
    assert.equal(scene.callers.lookup(token), one)
    assert.equal(one, two)
    assert.deepEqual(issuer.fetches, { keys: 1, discovery: 1 })
    scene.skipMs = 60_001
    assert.ok(scene.callers.lookup(token) instanceof Promise)
  })

  test('may be an access token by RFC 9068, signed with any algorithm of key pairs', async () => {
    for (const alg of ['RS256', 'PS256', 'ES384', 'EdDSA']) {
      const key = await newIssuerKey(`of-${alg}`, alg)
      issuer.keys = [...issuer.keys, key]
    }
    for (const key of issuer.keys) {
      const answer = await ask(await issuer.token({ aud: ['other', AUDIENCE] }, { typ: 'at+JWT' }, key))
      assert.equal(answer.kind, 'accepted', key.alg)
    }
  })

  test('tells the tier by a claim', async () => {
    const tierOf = async (claims: object) => {
      const answer = await ask(await issuer.token({ ...claims }))
      return answer.kind === 'accepted' ? answer.caller.tier : answer
    }
    const tiers = new Map([
      ['admins', 'gold'],
      ['staff', 'pro'],
    ])
    scene.callers = scene.open({ userClaim: 'email', tierClaim: 'groups', tiers })
    const ann = { email: 'ann@example.com', email_verified: true }
    assert.equal(await tierOf({ ...ann, groups: ['staff', 'admins'] }), 'gold')
    assert.equal(await tierOf({ ...ann, groups: 'staff' }), 'pro')
    assert.equal(await tierOf({ ...ann, groups: 'pro' }), 'free')
    assert.equal(await tierOf({ ...ann, groups: { staff: true } }), 'free')
    assert.equal(await tierOf(ann), 'free')
    assert.deepEqual(await tierOf({ groups: 'staff' }), rejected('unknown'))
    for (const email_verified of [undefined, false, 'no', 1]) {
      const claims = { email: 'ann@example.com', ...(email_verified === undefined ? {} : { email_verified }) }
      assert.deepEqual(await tierOf(claims), rejected('unknown'), String(email_verified))
    }
    scene.callers = scene.open({ tierClaim: 'plan' })
    assert.equal(await tierOf({ plan: 'gold' }), 'gold')
    assert.equal(await tierOf({ plan: 'No Tier' }), 'free')
  })
})

describe('a token that is not to be taken', () => {
  test('for another audience, of another issuer, too late, too early, or without what it must have', async () => {
    const cases: Array<[string, Record<string, unknown>]> = [
      ['unknown', { aud: 'another service' }],
      ['unknown', { aud: undefined }],
      ['unknown', { iss: 'https://evil.example' }],
      ['unknown', { iss: `${issuer.url}/` }],
      ['unknown', { iss: undefined }],
      ['expired', { exp: nowS() - 60 }],
      ['unknown', { exp: undefined }],
      ['unknown', { exp: 'tomorrow' }],
      ['unknown', { nbf: nowS() + 60 }],
      ['unknown', { sub: undefined }],
      ['unknown', { sub: '' }],
      ['unknown', { sub: 7 }],
      ['unknown', { sub: 'x'.repeat(256) }],
    ]
    for (const [reason, claims] of cases) {
      assert.deepEqual(await ask(await issuer.token(claims)), rejected(reason), JSON.stringify(claims))
    }
    const justLate = await ask(await issuer.token({ exp: nowS() - 2, nbf: nowS() + 2 }))
    assert.equal(justLate.kind, 'accepted', 'clocks may differ by five seconds')
  })

  test('is no longer taken when it expires, though it is remembered', async () => {
    const token = await issuer.token({ exp: nowS() + 20 })
    assert.equal((await ask(token)).kind, 'accepted')
    scene.epochSkipMs = 26_000
    assert.deepEqual(scene.callers.lookup(token), rejected('expired'))
  })

  test('with no signature, another’s, a cut one, or one made with the public key as a secret', async () => {
    const key = issuer.keys[0]!
    const good = await issuer.token()
    const [header = '', payload = '', signature = ''] = good.split('.')
    const stranger = { ...(await newIssuerKey('first')), kid: 'first' }
    const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'eve', exp: nowS() + 60 }
    const withSecret = (secret: string) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(Buffer.from(secret))
    const cases: Array<[string, string]> = [
      ['alg none', `${text({ alg: 'none', kid: 'first' })}.${text(claims)}.`],
      ['alg none with a signature', `${text({ alg: 'none', kid: 'first' })}.${payload}.${signature}`],
      ['alg NONE', `${text({ alg: 'NONE', kid: 'first' })}.${payload}.${signature}`],
      ['no alg', `${text({ kid: 'first' })}.${payload}.${signature}`],
      ['stripped', `${header}.${payload}.`],
      ['cut', good.slice(0, -8)],
      ['other claims', `${header}.${text(claims)}.${signature}`],
      ['a stranger’s key under the same name', await issuer.token({}, {}, stranger)],
      ['HS256 with the PEM', await withSecret(key.pem)],
      ['HS256 with the JWK', await withSecret(JSON.stringify(key.jwk))],
      ['HS256 with a coordinate', await withSecret(String(key.jwk.x))],
    ]
    for (const [name, token] of cases) {
      const answer = await ask(token)
      assert.ok(answer.kind === 'rejected' && ['unknown', 'malformed'].includes(answer.reason), name)
    }
    assert.equal((await ask(good)).kind, 'accepted')
  })

  test('whose header says where its key is', async () => {
    const evil = await newIssuerKey('evil')
    let visits = 0
    const lure = await startIssuer()
    lure.answerKeys = (_request, response) => {
      visits++
      response.end(JSON.stringify({ keys: [evil.jwk] }))
    }
    const lured = `${lure.url}/keys`
    const headers: Array<Record<string, unknown>> = [
      { jku: lured },
      { x5u: lured },
      { jwk: evil.jwk, kid: undefined },
      { kid: lured },
      { kid: '../../../../etc/passwd' },
      { kid: "first' or '1'='1" },
      { kid: '__proto__' },
      { kid: 'constructor' },
      { kid: '' },
      { crit: ['exp'], exp: 1 },
      { b64: false, crit: ['b64'] },
      { typ: 'logout+jwt' },
      { typ: 'fluxgate-session+jwt' },
    ]
    for (const header of headers) {
      const head = { alg: 'ES256', kid: 'evil', ...header }
      const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'eve', exp: nowS() + 60 }
      const token = await new CompactSign(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader(head as { alg: string })
        .sign(evil.privateKey, { crit: { exp: true } })
        .catch(async () => {
          const [, payload, signature] = (await issuer.token({}, {}, evil)).split('.')
          return `${text(head)}.${payload}.${signature}`
        })
      assert.equal((await ask(token)).kind, 'rejected', JSON.stringify(header))
    }
    assert.equal(visits, 0)
    await lure[Symbol.asyncDispose]()
    assert.deepEqual(await ask(await issuer.token({}, { typ: 'logout+jwt' })), rejected('unknown'))
  })

  test('that says a thing twice, or is no token at all', async () => {
    const key = issuer.keys[0]!
    const sign = (claims: string) =>
      new CompactSign(Buffer.from(claims))
        .setProtectedHeader({ alg: 'ES256', kid: 'first' })
        .sign(key.privateKey)
    const rest = `"iss":"${issuer.url}","aud":"${AUDIENCE}","exp":${nowS() + 60}`
    assert.equal((await ask(await sign(`{"sub":"ann",${rest}}`))).kind, 'accepted')
    for (const claims of [
      `{"sub":"ann","sub":"root",${rest}}`,
      `{"sub":"ann","s\\u0075b":"root",${rest}}`,
      `["sub"]`,
      `"sub"`,
      `null`,
      `{"sub":"ann",${rest}`,
    ]) {
      assert.deepEqual(await ask(await sign(claims)), rejected('malformed'), claims)
    }
    const [, payload, signature] = (await issuer.token()).split('.')
    const twice = `${text('{"alg":"ES256","kid":"x","kid":"first"}')}.${payload}.${signature}`
    for (const token of ['a.b.c', '..', 'e30.e30.', `${text({})}.!!.`, twice]) {
      assert.equal((await ask(token)).kind, 'rejected', token)
    }
    const huge = await issuer.token({ more: 'x'.repeat(8 * 1_024) })
    assert.deepEqual(scene.callers.lookup(huge), rejected('malformed'), 'at once, with no work done')
    assert.equal((await ask(await issuer.token({ more: 'x'.repeat(5_000) }))).kind, 'accepted')
  })

  test('of the portal, which is never the issuer’s, and the other way round', async () => {
    const own = await scene.sessions.issue({ id: 's'.repeat(24), user: 'usr_ann', role: 'developer' })
    const answer = await ask(own.token)
    assert.ok(answer.kind === 'accepted' && answer.caller.identityText === 'usr_ann.session')
    assert.deepEqual(issuer.fetches, { keys: 0, discovery: 0 }, 'nobody was asked for its key')
    // The portal's claims, signed by the issuer, and the issuer's under the portal's type.
    const claims = {
      iss: 'fluxgate',
      aud: 'fluxgate-portal',
      sub: 'usr_ann',
      jti: 's'.repeat(24),
      role: 'operator',
    }
    assert.equal((await ask(await issuer.token(claims))).kind, 'rejected')
    assert.equal((await ask(await issuer.token(claims, { typ: 'fluxgate-session+jwt' }))).kind, 'rejected')
    const [header = '', payload, signature] = own.token.split('.')
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
    const renamed = `${text({ alg: 'HS256', typ: 'JWT', kid })}.${payload}.${signature}`
    assert.equal((await ask(renamed)).kind, 'rejected')
  })
})
