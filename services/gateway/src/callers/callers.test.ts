import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import { callerGate, verifyByKind } from './caller-gate.ts'
import { CallerTokens, type CallerTokensLimits, type SessionRow } from './caller-tokens.ts'
import { hasNameTwice } from './json-names.ts'
import type { TokenFinding } from './token-finding.ts'
import { isTokenForm, typeOfToken } from './token-form.ts'

const ACCEPTED: KeyAnswer = {
  kind: 'accepted',
  caller: { identity: { user: 'oidc_x', key: 'oidc' }, identityText: 'oidc_x.oidc', tier: 'free' },
}
const rejected = (reason: string) => ({ kind: 'rejected', reason, credential: 'token' })
const base64url = (text: string) => Buffer.from(text).toString('base64url')

let findings: Map<string, TokenFinding | Promise<TokenFinding>>
let rows: Map<string, SessionRow>
/** Sessions whose row is remembered. */
let remembered: Set<string>
let verified: string[]
let asked: string[]
let nowMs: number

beforeEach(() => {
  findings = new Map()
  rows = new Map()
  remembered = new Set()
  verified = []
  asked = []
  nowMs = 0
})

function tokensWith(limits: Partial<CallerTokensLimits> = {}): CallerTokens {
  return new CallerTokens(
    {
      async verify(token) {
        verified.push(token)
        return findings.get(token) ?? { kind: 'rejected', reason: 'unknown' }
      },
      sessions: {
        known: id => (remembered.has(id) ? { value: rows.get(id) } : undefined),
        async find(id) {
          asked.push(id)
          if (id === 'nobody knows') throw new Error('no database')
          remembered.add(id)
          return rows.get(id)
        },
      },
      nowMs: () => nowMs,
      epochMs: () => 1_000_000 + nowMs,
    },
    limits,
  )
}

const good: TokenFinding = { kind: 'caller', answer: ACCEPTED, untilMs: 1_030_000 }
const session = (id: string, user = 'ann'): TokenFinding => {
  return { kind: 'session', session: id, user, untilMs: 9_000_000 }
}

describe('tokens of callers', () => {
  test('are verified once a minute, and counted as expired to the millisecond', async () => {
    findings.set('t', good)
    const tokens = tokensWith()
    assert.equal(await tokens.lookup('t'), ACCEPTED)
    assert.equal(tokens.lookup('t'), ACCEPTED)
    nowMs = 29_999
    assert.equal(tokens.lookup('t'), ACCEPTED)
    nowMs = 30_000
    assert.deepEqual(tokens.lookup('t'), rejected('expired'))
    nowMs = 60_000
    assert.ok(tokens.lookup('t') instanceof Promise)
    assert.deepEqual(verified, ['t', 't'])
  })

  test('that are refused stay so for seconds, and push no good one out', async () => {
    findings.set('t', good)
    const tokens = tokensWith({ maxBad: 10, maxGood: 10 })
    await tokens.lookup('t')
    for (let i = 0; i < 1_000; i++) assert.deepEqual(await tokens.lookup(`bad ${i}`), rejected('unknown'))
    assert.equal(tokens.size, 11)
    assert.equal(tokens.lookup('t'), ACCEPTED)
    assert.deepEqual(tokens.lookup('bad 999'), rejected('unknown'))
    findings.set('bad 999', good)
    nowMs = 5_000
    assert.equal(await tokens.lookup('bad 999'), ACCEPTED)
    for (let i = 0; i < 20; i++) {
      findings.set(`good ${i}`, good)
      await tokens.lookup(`good ${i}`)
    }
    assert.equal(tokens.size, 19)
  })

  test('that cannot be verified are asked for again, and only so many at once', async () => {
    findings.set('t', { kind: 'unavailable' })
    const tokens = tokensWith({ maxVerifying: 2 })
    assert.deepEqual(await tokens.lookup('t'), { kind: 'unavailable' })
    findings.set('t', good)
    assert.equal(await tokens.lookup('t'), ACCEPTED)

    const { promise, resolve } = Promise.withResolvers<TokenFinding>()
    for (const name of ['a', 'b', 'c']) findings.set(name, promise)
    const waiting = [tokens.lookup('a'), tokens.lookup('b'), tokens.lookup('a')]
    assert.deepEqual(tokens.lookup('c'), { kind: 'unavailable' })
    resolve(good)
    assert.deepEqual(await Promise.all(waiting), [ACCEPTED, ACCEPTED, ACCEPTED])
    assert.deepEqual(verified, ['t', 't', 'a', 'b'])
  })

  test('that are too long are not even hashed', () => {
    const tokens = tokensWith()
    assert.deepEqual(tokens.lookup('x'.repeat(8 * 1_024 + 1)), rejected('malformed'))
    assert.deepEqual(verified, [])
  })
})

describe('the portal’s tokens', () => {
  test('let in the user of the row, at once while it is cached', async () => {
    findings.set('t', session('s1'))
    rows.set('s1', { userId: 'ann', tier: 'pro' })
    const tokens = tokensWith()
    const answer = await tokens.lookup('t')
    assert.deepEqual(answer, {
      kind: 'accepted',
      caller: { identity: { user: 'ann', key: 'session' }, identityText: 'ann.session', tier: 'pro' },
    })
    assert.equal(tokens.lookup('t'), answer)
    assert.deepEqual([verified, asked], [['t'], ['s1']])
    rows.set('s1', { userId: 'ann', tier: 'gold' })
    const later = tokens.lookup('t')
    assert.ok(!(later instanceof Promise) && later.kind === 'accepted' && later.caller.tier === 'gold')
  })

  test('end with the session, whether it is remembered or asked for', async () => {
    findings.set('t', session('s1'))
    rows.set('s1', { userId: 'ann', tier: 'pro' })
    const tokens = tokensWith()
    await tokens.lookup('t')
    rows.delete('s1')
    assert.deepEqual(tokens.lookup('t'), rejected('revoked'))
    remembered.clear()
    assert.deepEqual(await tokens.lookup('t'), rejected('revoked'))
    rows.set('s1', { userId: 'somebody else', tier: 'pro' })
    assert.deepEqual(tokens.lookup('t'), rejected('revoked'))
  })

  test('are unavailable, and not unknown, when the database cannot be asked', async () => {
    findings.set('t', session('nobody knows'))
    assert.deepEqual(await tokensWith().lookup('t'), { kind: 'unavailable' })
  })
})

test('what is presented goes to who can judge it', () => {
  const to: string[] = []
  const answer: KeyAnswer = { kind: 'unavailable' }
  const gate = callerGate(
    () => {
      to.push('key')
      return answer
    },
    () => {
      to.push('token')
      return answer
    },
  )
  const presented = [
    `sk_live_${'a'.repeat(38)}`,
    'sk_live_a.b.c',
    'a.b.c',
    'a.b.',
    'a.b',
    'a.b.c.d.e',
    '',
    'a b.c.d',
  ]
  for (const text of presented) gate(text)
  assert.deepEqual(to, ['key', 'key', 'token', 'token', 'key', 'key', 'key', 'key'])
})

test('a token is judged by the rules of its type, and never by others after them', async () => {
  const judged: string[] = []
  const judge = (name: string) => async (): Promise<TokenFinding> => {
    judged.push(name)
    return { kind: 'rejected', reason: 'unknown' }
  }
  const kinds = { sessionType: 'own+jwt', session: judge('session'), oidc: judge('oidc') }
  const token = (head: string) => `${base64url(head)}.${base64url('{}')}.x`
  for (const head of ['{"typ":"own+jwt"}', '{"typ":"JWT"}', '{}', '{"typ":["own+jwt"]}']) {
    await verifyByKind(kinds)(token(head))
  }
  assert.deepEqual(judged, ['session', 'oidc', 'oidc', 'oidc'])
  const alone = verifyByKind({ ...kinds, oidc: undefined })
  assert.deepEqual(await alone(token('{"typ":"JWT"}')), { kind: 'rejected', reason: 'unknown' })
  for (const head of ['{"typ":"own+jwt","typ":"JWT"}', '[]', 'null', '"own+jwt"', '{', '\x80']) {
    assert.deepEqual(await alone(token(head)), { kind: 'rejected', reason: 'malformed' }, head)
  }
  assert.equal(judged.length, 4)
})

test('a token has three parts of base64url', () => {
  for (const text of ['a.b.c', 'a-_.b.c', 'a.b.']) assert.ok(isTokenForm(text), text)
  for (const text of ['', '..', 'a.b', '.b.c', 'a..c', 'a.b.c.d', 'a.b.c=', 'a.b.c\n', 'a/.b.c']) {
    assert.ok(!isTokenForm(text), JSON.stringify(text))
  }
  const bytes = Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')
  assert.equal(typeOfToken(`${bytes}.e30.x`), undefined)
})

test('a name twice is found at the top level, however it is written, and nothing else is', () => {
  const twice = [
    '{"a":1,"a":2}',
    '{"a":{"b":[1,"}"]},"x":"\\"","a":2}',
    '{ "a" : 1 , "\\u0061" : 2 }',
    '{"":1,"":2}',
    '{"a":"a","b":{"c":1},"b":[]}',
  ]
  const once = [
    '{}',
    '{"a":"a"}',
    '{"a":{"x":1,"x":2}}',
    '{"a":["a","a"],"b":"a"}',
    '{"a":"\\\\","b":",\\"a\\":"}',
    '[]',
  ]
  for (const json of twice) assert.ok(hasNameTwice(json), json)
  for (const json of once) assert.ok(!hasNameTwice(json), json)
})
