import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createSessions } from '@fluxgate/session'
import { base64url, CompactSign, SignJWT } from 'jose'
import type { KeyAnswer } from '../../core/admission.ts'
import type { CallerTokens } from '../../core/callers/caller-tokens.ts'
import { oidcUser } from '../../core/callers/oidc-claims.ts'
import type { IssuerKeysLimits } from './issuer-keys.ts'
import { type CallersDeps, type OidcConfig, openCallers } from './open-callers.ts'
import { AUDIENCE, newIssuerKey, startIssuer, type TestIssuer } from './test-issuer.ts'

type Callers = CallerTokens & AsyncDisposable

let issuer: TestIssuer
let callers: Callers
let skipMs: number
let epochSkipMs: number
let warned: unknown[]
const toClose: Callers[] = []
const sessions = createSessions({ secrets: ['the portal has a secret of its own, and a long one'] })

beforeEach(async () => {
  issuer = await startIssuer()
  skipMs = 0
  epochSkipMs = 0
  warned = []
  callers = open()
})
afterEach(async () => {
  for (const each of toClose.splice(0)) await each[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})

function open(changes: Partial<OidcConfig> = {}, limits: Partial<IssuerKeysLimits> = {}): Callers {
  const config: OidcConfig = {
    issuer: issuer.url,
    jwksUrl: undefined,
    audiences: [AUDIENCE],
    userClaim: 'sub',
    tierClaim: undefined,
    tiers: new Map(),
    ...changes,
  }
  const deps: CallersDeps = {
    sessions,
    live: { known: () => undefined, find: async () => ({ userId: 'usr_ann', tier: 'pro' }) },
    lookup: undefined,
    log: { warn: (...line) => warned.push(line) },
    nowMs: () => performance.now() + skipMs,
    epochMs: () => Date.now() + epochSkipMs,
  }
  const opened = openCallers(config, deps, limits)
  toClose.push(opened)
  return opened
}

const text = (value: object | string) =>
  base64url.encode(typeof value === 'string' ? value : JSON.stringify(value))
const rejected = (reason: string) => ({ kind: 'rejected', reason, credential: 'token' })
const ask = async (token: string): Promise<KeyAnswer> => callers.lookup(token)
const nowS = () => Math.floor(Date.now() / 1_000)

describe('a token of the issuer', () => {
  test('lets its user in, under a name that nobody else can have and that tells nothing', async () => {
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
    const first = callers.lookup(token)
    assert.ok(first instanceof Promise)
    const [one, two] = await Promise.all([first, callers.lookup(token)])
    assert.equal(callers.lookup(token), one)
    assert.equal(one, two)
    assert.deepEqual(issuer.fetches, { keys: 1, discovery: 1 })
    skipMs = 60_001
    assert.ok(callers.lookup(token) instanceof Promise)
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
    callers = open({ userClaim: 'email', tierClaim: 'groups', tiers })
    const email = 'ann@example.com'
    assert.equal(await tierOf({ email, groups: ['staff', 'admins'] }), 'gold')
    assert.equal(await tierOf({ email, groups: 'staff' }), 'pro')
    assert.equal(await tierOf({ email, groups: 'pro' }), 'free')
    assert.equal(await tierOf({ email, groups: { staff: true } }), 'free')
    assert.equal(await tierOf({ email }), 'free')
    assert.deepEqual(await tierOf({ groups: 'staff' }), rejected('unknown'))
    callers = open({ tierClaim: 'plan' })
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
    epochSkipMs = 26_000
    assert.deepEqual(callers.lookup(token), rejected('expired'))
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
    assert.deepEqual(callers.lookup(huge), rejected('malformed'), 'at once, with no work done')
    assert.equal((await ask(await issuer.token({ more: 'x'.repeat(5_000) }))).kind, 'accepted')
  })

  test('of the portal, which is never the issuer’s, and the other way round', async () => {
    const own = await sessions.issue({ id: 's'.repeat(24), user: 'usr_ann', role: 'developer' })
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

describe('the issuer’s keys', () => {
  test('rotate: a new one is found, and one that is withdrawn goes', async () => {
    callers = open({}, { cooldownMs: 0, refreshMs: 1_000 })
    const [old] = issuer.keys
    const oldToken = await issuer.token()
    assert.equal((await ask(oldToken)).kind, 'accepted')
    issuer.keys = [await newIssuerKey('second'), old!]
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
    issuer.keys = issuer.keys.slice(0, 1)
    skipMs = 61_000
    // The first use after a while has the set fetched in the background; the use after that sees it.
    await ask(oldToken)
    for (let tries = 0; tries < 100; tries++) {
      skipMs += 61_000
      if ((await ask(oldToken)).kind === 'rejected') break
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    assert.deepEqual(await ask(oldToken), rejected('unknown'))
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
  })

  test('are not fetched for each token with a key that is not there', async () => {
    await ask(await issuer.token())
    const flood = await Promise.all(
      Array.from({ length: 300 }, (_, i) => issuer.token({}, { kid: `guess-${i}` })),
    )
    const answers = await Promise.all(flood.map(ask))
    assert.ok(answers.every(answer => answer.kind === 'rejected' && answer.reason === 'unknown'))
    assert.equal(issuer.fetches.keys, 1)
  })

  test('go on being good while the issuer is away; nobody else is called a liar', async () => {
    callers = open({}, { cooldownMs: 0 })
    await ask(await issuer.token({ sub: 'somebody' }))
    await issuer.stop()
    skipMs = 3_600_000
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
    const strange = await newIssuerKey('strange')
    assert.deepEqual(await ask(await issuer.token({}, {}, strange)), { kind: 'unavailable' })
    const before = issuer.fetches.keys
    assert.equal(warned.length, 1, 'told once')
    await issuer.start()
    assert.deepEqual(await ask(await issuer.token({ sub: 'b' }, {}, strange)), { kind: 'unavailable' })
    assert.equal(issuer.fetches.keys, before, 'after a failure it is left alone for a while')
    skipMs += 6_000
    assert.deepEqual(await ask(await issuer.token({ sub: 'c' }, {}, strange)), rejected('unknown'))
    await issuer.stop()
    skipMs += 86_400_001
    assert.deepEqual(await ask(await issuer.token({ sub: 'd' })), { kind: 'unavailable' }, 'but not for ever')
  })

  test('cannot be had at first: 503, then found; the unavailable answer is not remembered', async () => {
    const token = await issuer.token()
    await issuer.stop()
    const flood = await Promise.all(Array.from({ length: 50 }, (_, i) => issuer.token({ sub: `s${i}` })))
    for (const answer of await Promise.all(flood.map(ask))) assert.deepEqual(answer, { kind: 'unavailable' })
    assert.deepEqual(await ask(token), { kind: 'unavailable' })
    await issuer.start()
    skipMs = 6_000
    assert.equal((await ask(token)).kind, 'accepted')
  })

  test('are taken from nobody else, and not in any size or shape', async () => {
    const evil = await startIssuer()
    const cases: Array<Pick<TestIssuer, 'answerKeys'> | Pick<TestIssuer, 'answerDiscovery'>> = [
      { answerKeys: (_request, response) => response.writeHead(302, { location: `${evil.url}/keys` }).end() },
      { answerKeys: (_request, response) => response.writeHead(500).end('{"keys":[]}') },
      { answerKeys: (_request, response) => response.end('<html>') },
      { answerKeys: (_request, response) => response.end('{"keys":"all"}') },
      { answerKeys: (_request, response) => response.end('null') },
      { answerKeys: (_request, response) => response.end(`{"keys":[],"x":"${'x'.repeat(1024 * 1024)}"}`) },
      {
        answerDiscovery: (_r, response) =>
          response.end(`{"issuer":"${evil.url}","jwks_uri":"${evil.url}/keys"}`),
      },
      {
        answerDiscovery: (_r, response) =>
          response.end(`{"issuer":"${issuer.url}","jwks_uri":"file:///keys"}`),
      },
      { answerDiscovery: (_r, response) => response.writeHead(404).end() },
    ]
    for (const answers of cases) {
      issuer.answerKeys = undefined
      issuer.answerDiscovery = undefined
      Object.assign(issuer, answers)
      callers = open()
      const token = await evil.token({ iss: issuer.url })
      assert.deepEqual(await ask(token), { kind: 'unavailable' }, Object.values(answers).join())
    }
    assert.equal(evil.fetches.keys, 0)
    await evil[Symbol.asyncDispose]()
  })

  test('may be at an address that is configured, and then nothing is discovered', async () => {
    callers = open({ jwksUrl: `${issuer.url}/keys` })
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
    assert.deepEqual(issuer.fetches, { keys: 1, discovery: 0 })
  })
})
