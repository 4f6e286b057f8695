import assert from 'node:assert/strict'
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import { describe, test } from 'node:test'
import { type JWTHeaderParameters, SignJWT } from 'jose'
import {
  createSessions,
  createSessionVerifier,
  makeSessionKeys,
  publicKeyOf,
  type SessionFault,
} from './index.ts'

const NOW_MS = Date.UTC(2026, 10, 23, 12)
const NOW = NOW_MS / 1_000
const KEYS = makeSessionKeys()
const OTHER = makeSessionKeys()
const TTL_SECONDS = 3_600
let nowMs = NOW_MS
const sessions = createSessions({ privateKey: KEYS.privateKey, ttlSeconds: TTL_SECONDS, nowMs: () => nowMs })
const ANN = { id: 'session-0123456789abcdef', user: 'usr_ann', role: 'developer' } as const
const issued = await sessions.issue(ANN)
const parts = issued.token.split('.') as [string, string, string]
const header = JSON.parse(Buffer.from(parts[0], 'base64url').toString()) as JWTHeaderParameters
const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString()) as Record<string, unknown>

/** What a thief of the private key, or a mistake of ours, could make. */
function signed(
  payload: Record<string, unknown> | string,
  changes: Record<string, unknown> = {},
  privateKey: string = KEYS.privateKey,
): string {
  const head = Buffer.from(JSON.stringify({ ...header, ...changes })).toString('base64url')
  const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)).toString(
    'base64url',
  )
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' })
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' })
  return `${head}.${body}.${signature.toString('base64url')}`
}

async function refused(token: string, reason: SessionFault): Promise<void> {
  assert.deepEqual(await sessions.verify(token), { ok: false, reason })
}

describe('a session token', () => {
  test('says who, which session, in what role and until when', async () => {
    const expiresAt = NOW_MS + TTL_SECONDS * 1_000
    assert.equal(issued.expiresAt, expiresAt)
    assert.deepEqual(await sessions.verify(issued.token), { ok: true, session: { ...ANN, expiresAt } })
    assert.deepEqual(await sessions.verify(signed(claims)), { ok: true, session: { ...ANN, expiresAt } })
    assert.equal(header.typ, 'fluxgate-session+jwt')
    assert.equal(header.alg, 'ES256')
  })

  test('holds no secret, nor anything from which one could be had', () => {
    assert.deepEqual(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'iss', 'jti', 'role', 'sub'])
    assert.deepEqual(Object.keys(header).sort(), ['alg', 'kid', 'typ'])
    assert.match(String(header.kid), /^[\w-]{11}$/)
  })
})

describe('refused', () => {
  test('a token without a signature: alg none, in any case, or the signature cut off', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      const head = Buffer.from(JSON.stringify({ ...header, alg })).toString('base64url')
      for (const signature of ['', parts[2]]) {
        await refused(`${head}.${parts[1]}.${signature}`, 'wrong_algorithm')
      }
    }
    await refused(`${parts[0]}.${parts[1]}.`, 'bad_signature')
    await refused(`${parts[0]}.${parts[1]}`, 'malformed')
  })

  test('another algorithm, even with a good signature, and HS256 with the public key as the secret', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    const rs256 = await new SignJWT(claims).setProtectedHeader({ ...header, alg: 'RS256' }).sign(privateKey)
    await refused(rs256, 'wrong_algorithm')
    for (const secret of [KEYS.publicKey, Buffer.from(KEYS.publicKey, 'base64'), 's'.repeat(32)]) {
      const head = Buffer.from(JSON.stringify({ ...header, alg: 'HS256' })).toString('base64url')
      const signature = createHmac('sha256', secret).update(`${head}.${parts[1]}`).digest('base64url')
      await refused(`${head}.${parts[1]}.${signature}`, 'wrong_algorithm')
    }
  })

  test('a changed payload, a changed signature, a stranger’s secret', async () => {
    const operator = Buffer.from(JSON.stringify({ ...claims, role: 'operator' })).toString('base64url')
    await refused(`${parts[0]}.${operator}.${parts[2]}`, 'bad_signature')
    await refused(`${parts[0]}.${parts[1]}.${parts[2].slice(0, -4)}AAAA`, 'bad_signature')
    await refused(signed(claims, {}, OTHER.privateKey), 'bad_signature')
  })

  test('a token of another kind: an API token is no session', async () => {
    for (const typ of ['JWT', 'at+jwt', undefined]) await refused(signed(claims, { typ }), 'wrong_claims')
  })

  test('an expired token, at the second, and one from the future', async () => {
    nowMs = NOW_MS + (TTL_SECONDS + 4) * 1_000
    assert.equal((await sessions.verify(issued.token)).ok, true)
    nowMs = NOW_MS + (TTL_SECONDS + 6) * 1_000
    await refused(issued.token, 'expired')
    nowMs = NOW_MS
    await refused(signed({ ...claims, nbf: NOW + 60 }), 'wrong_claims')
    await refused(signed({ ...claims, iat: NOW + 60, exp: NOW + 120 }), 'wrong_claims')
  })

  test('a life longer than ours, whatever it says of its end', async () => {
    await refused(signed({ ...claims, iat: NOW - TTL_SECONDS - 60, exp: NOW + 86_400 * 365 }), 'expired')
  })

  test('another issuer or audience', async () => {
    await refused(signed({ ...claims, iss: 'someone' }), 'wrong_claims')
    await refused(signed({ ...claims, aud: 'fluxgate-api' }), 'wrong_claims')
    await refused(signed({ ...claims, aud: ['fluxgate-api'] }), 'wrong_claims')
    const elsewhere = createSessions({ privateKey: KEYS.privateKey, issuer: 'elsewhere', nowMs: () => nowMs })
    assert.deepEqual(await elsewhere.verify(issued.token), { ok: false, reason: 'wrong_claims' })
  })

  test('a token that lacks a claim, or whose claim is not one of ours', async () => {
    for (const claim of Object.keys(claims)) {
      await refused(
        signed(Object.fromEntries(Object.entries(claims).filter(([name]) => name !== claim))),
        'wrong_claims',
      )
    }
    for (const change of [
      { role: 'admin' },
      { sub: 'a.b' },
      { sub: '../x' },
      { jti: "' or 1=1" },
      { sub: 7 },
    ]) {
      const check = await sessions.verify(signed({ ...claims, ...change }))
      assert.equal(check.ok, false, JSON.stringify(change))
    }
    await refused(signed({ ...claims, scope: 'all' }), 'wrong_claims')
  })

  test('a claim that is there twice', async () => {
    const text = JSON.stringify(claims)
    await refused(
      signed(text.replace('"role":"developer"', '"role":"operator","role":"developer"')),
      'wrong_claims',
    )
    await refused(
      signed(text.replace('"role":"developer"', '"role":"developer","role":"operator"')),
      'wrong_claims',
    )
    await refused(signed(text.replace('{', '{ ')), 'wrong_claims')
  })

  test('a key that we do not know, whatever its name tries to be', async () => {
    for (const kid of [
      'nobody',
      '../../../../dev/null',
      "x' union select 'key",
      'http://evil.example/key',
      '',
      '__proto__',
    ]) {
      await refused(signed(claims, { kid }), 'unknown_key')
      await refused(signed(claims, { kid }, OTHER.privateKey), 'unknown_key')
    }
    await refused(signed(claims, { kid: undefined }), 'unknown_key')
  })

  test('a key that the token brings along', async () => {
    const other = createPrivateKey({
      key: Buffer.from(OTHER.privateKey, 'base64'),
      format: 'der',
      type: 'pkcs8',
    })
    const { d: _, ...jwk } = other.export({ format: 'jwk' })
    await refused(signed(claims, { jwk, jku: 'http://evil.example/jwks' }, OTHER.privateKey), 'bad_signature')
  })

  test('an extension that must be understood', async () => {
    await refused(signed(claims, { crit: ['exp2'], exp2: 1 }), 'malformed')
  })

  test('a huge token, before it is parsed', async () => {
    await refused(signed({ ...claims, padding: 'x'.repeat(9_000) }), 'too_large')
    const token = 'x'.repeat(10_000_000)
    const started = performance.now()
    await refused(token, 'too_large')
    assert.ok(performance.now() - started < 50)
  })

  test('what is no token at all', async () => {
    for (const text of [
      '',
      '.',
      '..',
      '...',
      'null',
      '{}',
      'a.b.c',
      `${issued.token}.x`,
      '\u0000',
      'ä.ö.ü',
    ]) {
      assert.equal((await sessions.verify(text)).ok, false, JSON.stringify(text))
    }
    await refused(signed('[]'), 'malformed')
    await refused(signed('"text"'), 'malformed')
  })
})

describe('the public key', () => {
  test('verifies sessions, and cannot make one', async () => {
    const verifier = createSessionVerifier({
      publicKeys: [KEYS.publicKey],
      ttlSeconds: TTL_SECONDS,
      nowMs: () => nowMs,
    })
    assert.equal((await verifier.verify(issued.token)).ok, true)
    assert.ok(!('issue' in verifier))
    assert.throws(() => createSessions({ privateKey: KEYS.publicKey }), RangeError)
    const stranger = createSessionVerifier({ publicKeys: [OTHER.publicKey] })
    assert.deepEqual(await stranger.verify(issued.token), { ok: false, reason: 'unknown_key' })
  })

  test('is what OpenSSL writes too: PEM, in one line or several, with padding or without', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
    const publicPem = publicKey.export({ format: 'pem', type: 'spki' }) as string
    for (const text of [pem, pem.replaceAll('\n', '\\n'), pem.replaceAll(/-----.*-----|\n|=/g, '')]) {
      const { token } = await createSessions({ privateKey: text }).issue(ANN)
      assert.equal((await createSessionVerifier({ publicKeys: [publicPem] }).verify(token)).ok, true)
      assert.equal(publicKeyOf(text), publicPem.replaceAll(/-----.*-----|\n/g, ''))
    }
  })

  test('stops the start when it is no key on P-256, and the message does not hold it', () => {
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    const wrong = p384.export({ format: 'der', type: 'pkcs8' }).toString('base64')
    for (const privateKey of ['', 'short', 'a secret that has more than thirty-two bytes', wrong]) {
      assert.throws(
        () => createSessions({ privateKey }),
        (error: Error) =>
          /private key on P-256/.test(error.message) &&
          (privateKey === '' || !error.message.includes(privateKey)),
      )
    }
    assert.throws(() => createSessionVerifier({ publicKeys: [] }), RangeError)
  })
})

describe('a rotation of the key', () => {
  test('the new one signs, the old one still verifies, and then it does not', async () => {
    const times = { ttlSeconds: TTL_SECONDS, nowMs: () => nowMs }
    const during = createSessions({ privateKey: OTHER.privateKey, publicKeys: [KEYS.publicKey], ...times })
    const after = createSessions({ privateKey: OTHER.privateKey, ...times })
    const fresh = await during.issue(ANN)
    assert.equal((await during.verify(issued.token)).ok, true)
    assert.equal((await during.verify(fresh.token)).ok, true)
    assert.equal((await after.verify(fresh.token)).ok, true)
    assert.deepEqual(await after.verify(issued.token), { ok: false, reason: 'unknown_key' })
    assert.deepEqual(await sessions.verify(fresh.token), { ok: false, reason: 'unknown_key' })
  })
})
