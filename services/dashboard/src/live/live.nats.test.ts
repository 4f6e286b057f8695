import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { endAllSessions } from '@fluxgate/read-model'
import { eventually } from '@fluxgate/testing'
import { LiveClient } from '../test/live-client.ts'
import { DEVELOPER, logIn, OPERATOR, startTestEnv, type TestEnv } from '../test/test-env.ts'

const someone = { user: 'u_some', key: 'k_1' }
const outcomes = ['completed', 'completed', 'failed', 'refused', 'interrupted'] as const

let testEnv: TestEnv
let pageDir: string
let cookie: string
/** What was published, by outcome; the page must come to the same sums. */
const published = { completed: 0, failed: 0, refused: 0, interrupted: 0, tokens: 0 }

before(async () => {
  pageDir = await mkdtemp(join(tmpdir(), 'fluxgate-page-'))
  await writeFile(join(pageDir, 'index.html'), '<!doctype html>')
  testEnv = await startTestEnv({ pageDir, ownNats: true, limits: { sessionCheckMs: 200, heartbeatMs: 500 } })
  cookie = await logIn(testEnv, OPERATOR.email)
})

after(async () => {
  await testEnv?.[Symbol.asyncDispose]()
  await rm(pageDir, { recursive: true, force: true })
})

function send(requests: number): void {
  for (let i = 0; i < requests; i++) {
    const outcome = outcomes[i % outcomes.length]!
    testEnv.traffic.request(someone, outcome, 70)
    published[outcome]++
    if (outcome !== 'refused') published.tokens += 70
  }
}

function sums(client: LiveClient) {
  return {
    completed: client.sum(tick => tick.completed),
    failed: client.sum(tick => tick.failed),
    refused: client.sum(tick => tick.refused),
    interrupted: client.sum(tick => tick.interrupted),
    tokens: client.sum(tick => tick.tokens),
  }
}

/** The client knows every second from its first to its last. */
function assertNoGap(client: LiveClient): void {
  const seconds = [...client.ticks().keys()].sort((a, b) => a - b)
  const missing = seconds.filter((at, i) => i > 0 && at !== seconds[i - 1]! + 1_000)
  assert.deepEqual(missing, [])
}

describe('live feed', () => {
  it('sums the published events second by second', async () => {
    const client = new LiveClient(testEnv.url, cookie)
    assert.equal(await client.status, 200)
    for (let i = 0; i < 5; i++) {
      send(20)
      await sleep(300)
    }
    await eventually(() => assert.deepEqual(sums(client), published))
    assertNoGap(client)
    await eventually(() => assert.equal([...client.ticks().values()].at(-1)?.active, 0))
    client.close()
  })

  it('shows what is in flight', async () => {
    const client = new LiveClient(testEnv.url, cookie)
    const requests = [1, 2, 3].map(() => testEnv.traffic.begin(someone, 'admitted'))
    await eventually(() => assert.equal([...client.ticks().values()].at(-1)?.active, 3))
    for (const request of requests) testEnv.traffic.end(someone, request, 'completed', 50)
    published.completed += 3
    published.tokens += 150
    await eventually(() => assert.equal([...client.ticks().values()].at(-1)?.active, 0))
    client.close()
  })

  it('sends throttles when they are imposed and when they end', async () => {
    const client = new LiveClient(testEnv.url, cookie)
    await eventually(() => assert.ok(client.of('history').length > 0))
    const now = Date.now()
    await testEnv.penaltyBox.impose(someone, {
      capacity: 1,
      refillRate: 1,
      imposedAt: now,
      until: now + 60_000,
      reason: 'r',
      rule: 'manual',
      actor: 'admin',
    })
    await eventually(() => assert.equal(client.of('throttle').at(-1)?.throttle?.until, now + 60_000))
    const fresh = new LiveClient(testEnv.url, cookie)
    await eventually(() => assert.equal(fresh.of('history')[0]?.throttles[0]?.identity, 'u_some.k_1'))
    await testEnv.penaltyBox.pardon(someone, 'admin', 'r', Date.now())
    await eventually(() => assert.equal(client.of('throttle').at(-1)?.throttle, null))
    client.close()
    fresh.close()
  })

  it('sends a returning client the frames that it missed', async () => {
    const first = new LiveClient(testEnv.url, cookie)
    await eventually(() => assert.ok(first.of('tick').length > 0))
    first.close()
    const present = new LiveClient(testEnv.url, cookie)
    send(10)
    await eventually(() => assert.ok(present.of('tick').length > 1))
    present.close()
    const second = new LiveClient(testEnv.url, cookie, first.lastId)
    await eventually(() => assert.ok(second.of('tick').length > 2))
    assert.equal(second.of('history').length, 0)
    first.frames.push(...second.frames)
    await eventually(() => assert.deepEqual(sums(first), published))
    assertNoGap(first)
    second.close()
  })
})

describe('live feed without NATS', () => {
  it('reports an unavailable log, and misses nothing that was stored meanwhile', async () => {
    const client = new LiveClient(testEnv.url, cookie)
    await eventually(() => assert.ok(client.of('tick').length > 0))
    await testEnv.nats.stop('SIGKILL')
    await eventually(() => assert.equal(client.of('feed').at(-1)?.connected, false))
    const ticks = client.of('tick').length
    send(10)
    await sleep(2_200)
    assert.equal(client.of('tick').length, ticks, 'no zeros are told while nobody knows')
    await testEnv.nats.start()
    await eventually(() => assert.equal(client.of('feed').at(-1)?.connected, true))
    send(10)
    await eventually(() => assert.deepEqual(sums(client), published))
    assertNoGap(client)
    client.close()
  })

  it('reads the log back when the dashboard restarts', async () => {
    const before = new LiveClient(testEnv.url, cookie)
    await eventually(() => assert.ok(before.of('tick').length > 0))
    await testEnv.down()
    await eventually(() => assert.ok(before.ended))
    send(25)
    await testEnv.up()
    const after = new LiveClient(testEnv.url, cookie, before.lastId)
    await eventually(() => assert.deepEqual(sums(after), published))
    before.frames.push(...after.frames)
    assertNoGap(before)
    assert.deepEqual(sums(before), published, 'what it had agrees with what the log says')
    after.close()
  })

  it('closes the live connection when its session ends', async () => {
    const other = await logIn(testEnv, OPERATOR.email)
    const client = new LiveClient(testEnv.url, other)
    assert.equal(await client.status, 200)
    await endAllSessions(testEnv.db, OPERATOR.id, Date.now())
    await eventually(() => assert.ok(client.ended))
    const again = new LiveClient(testEnv.url, other, client.lastId)
    assert.equal(await again.status, 401)
    const developer = new LiveClient(testEnv.url, await logIn(testEnv, DEVELOPER.email))
    assert.equal(await developer.status, 403)
  })
})
