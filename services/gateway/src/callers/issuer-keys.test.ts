import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type CallersScene, rejected, startCallers } from './test-callers.ts'
import { newIssuerKey, startIssuer, type TestIssuer } from './test-issuer.ts'

let scene: CallersScene
let issuer: TestIssuer
beforeEach(async () => {
  scene = await startCallers()
  issuer = scene.issuer
})
afterEach(() => scene[Symbol.asyncDispose]())

const ask = (token: string) => scene.ask(token)

describe('the issuer’s keys', () => {
  test('rotate: a new one is found, and one that is withdrawn goes', async () => {
    scene.callers = scene.open({}, { cooldownMs: 0, refreshMs: 1_000 })
    const [old] = issuer.keys
    const oldToken = await issuer.token()
    assert.equal((await ask(oldToken)).kind, 'accepted')
    issuer.keys = [await newIssuerKey('second'), old!]
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
    issuer.keys = issuer.keys.slice(0, 1)
    scene.skipMs = 61_000
    // The first use after a while has the set fetched in the background; the use after that sees it.
    await ask(oldToken)
    for (let tries = 0; tries < 100; tries++) {
      scene.skipMs += 61_000
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

  test('stay valid while the issuer is away; unknown keys are unavailable', async () => {
    scene.callers = scene.open({}, { cooldownMs: 0 })
    await ask(await issuer.token({ sub: 'somebody' }))
    await issuer.stop()
    scene.skipMs = 3_600_000
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
    const strange = await newIssuerKey('strange')
    assert.deepEqual(await ask(await issuer.token({}, {}, strange)), { kind: 'unavailable' })
    const before = issuer.fetches.keys
    assert.equal(scene.warned.length, 1, 'told once')
    await issuer.start()
    assert.deepEqual(await ask(await issuer.token({ sub: 'b' }, {}, strange)), { kind: 'unavailable' })
    assert.equal(issuer.fetches.keys, before, 'after a failure it is left alone for a while')
    scene.skipMs += 6_000
    assert.deepEqual(await ask(await issuer.token({ sub: 'c' }, {}, strange)), rejected('unknown'))
    await issuer.stop()
    scene.skipMs += 86_400_001
    assert.deepEqual(await ask(await issuer.token({ sub: 'd' })), { kind: 'unavailable' }, 'but not for ever')
  })

  test('cannot be had at first: 503, then found; the unavailable answer is not remembered', async () => {
    const token = await issuer.token()
    await issuer.stop()
    const flood = await Promise.all(Array.from({ length: 50 }, (_, i) => issuer.token({ sub: `s${i}` })))
    for (const answer of await Promise.all(flood.map(ask))) assert.deepEqual(answer, { kind: 'unavailable' })
    assert.deepEqual(await ask(token), { kind: 'unavailable' })
    await issuer.start()
    scene.skipMs = 6_000
    assert.equal((await ask(token)).kind, 'accepted')
  })

  test('are taken from the issuer alone, within bounds of size and shape', async () => {
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
      scene.callers = scene.open()
      const token = await evil.token({ iss: issuer.url })
      assert.deepEqual(await ask(token), { kind: 'unavailable' }, Object.values(answers).join())
    }
    assert.equal(evil.fetches.keys, 0)
    await evil[Symbol.asyncDispose]()
  })

  test('may be at an address that is configured, and then nothing is discovered', async () => {
    scene.callers = scene.open({ jwksUrl: `${issuer.url}/keys` })
    assert.equal((await ask(await issuer.token())).kind, 'accepted')
    assert.deepEqual(issuer.fetches, { keys: 1, discovery: 0 })
  })
})
