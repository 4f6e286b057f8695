import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { answer, good, reportedBy, startTestReporter, type TestReporter } from './test-reporter.ts'

const BURST = 1_000
const SECRET = Buffer.alloc(32, 7)
const FIRST = 'inc_00000001'

interface Told {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A webhook's receiver; what it answers is the test's. */
async function startReceiver(statusOf: (count: number) => number) {
  const told: Told[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    told.push({ headers: request.headers, body })
    response.writeHead(statusOf(told.length)).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    told,
    env: {
      NOTIFY_WEBHOOK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
      NOTIFY_WEBHOOK_SECRET: `whsec_${SECRET.toString('base64')}`,
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const typeOf = ({ body }: Told) => (JSON.parse(body) as { type: string }).type

async function durableIsThere(desk: TestReporter, name: string): Promise<void> {
  await eventually(() => desk.link.manager.consumers.info('INCIDENTS', name))
}

describe('findings of one identity and rule', () => {
  it(`are one incident: a burst of ${BURST} is asked about once, over a restart too`, async () => {
    await using desk = await startTestReporter(answer(good))
    const name = (i: number) => `inc_${String(i + 1).padStart(8, '0')}`
    {
      await using _reporter = await desk.start()
      for (let i = 0; i < BURST / 2; i++) await desk.open(name(i))
    }
    await using _reporter = await desk.start()
    for (let i = BURST / 2; i < BURST; i++) await desk.open(name(i))
    await eventually(async () => assert.equal((await desk.joined()).length, BURST - 1), { timeoutMs: 60_000 })
    const joined = await desk.joined()
    assert.ok(joined.every(({ into }) => into === FIRST))
    assert.deepEqual(
      joined.map(({ findings }) => findings).sort((a, b) => a - b),
      Array.from({ length: BURST - 1 }, (_, i) => i + 2),
    )
    await reportedBy(desk, FIRST, ['facts', 'model'])
    assert.equal(desk.model.questions.length, 1)
    assert.deepEqual(await desk.reports(name(1)), [])
  })

  it('are another incident once the first is closed, and its report knows of the first', async () => {
    await using desk = await startTestReporter(answer(good))
    await using _reporter = await desk.start()
    await desk.open(FIRST)
    await reportedBy(desk, FIRST, ['facts', 'model'])
    await desk.pardon(FIRST)
    await eventually(async () => assert.equal((await desk.closings()).length, 1))
    await desk.open('inc_00000002')
    const [facts] = await reportedBy(desk, 'inc_00000002', ['facts', 'model'])
    assert.match(
      facts!.report.summary,
      /Earlier incidents: 1, the last inc_00000001 \(context_flood, judged abuse\)/,
    )
    const prompt = desk.model.questions.at(-1)!.messages[1]!.content
    assert.match(
      prompt,
      /earlier incident INCIDENTS:1 of the same identity .* verdict abuse closed: "pardoned: known"/,
    )
  })
})

describe('a pardon', () => {
  it('closes its incident once, in the name of who pardoned', async () => {
    await using desk = await startTestReporter(answer(good))
    await using _one = await desk.start()
    await using _two = await desk.start()
    await desk.open(FIRST)
    await desk.pardon(FIRST)
    await desk.pardon(FIRST)
    await eventually(async () => assert.ok((await desk.closings()).length > 0))
    await desk.open('inc_00000002', 'another rule')
    await reportedBy(desk, 'inc_00000002', ['facts', 'model'])
    assert.deepEqual(await desk.closings(), [
      { incident: FIRST, actor: 'operator:ann', reason: 'pardoned: known' },
    ])
  })
})

describe('the webhook', () => {
  it('is told each fact of an incident, signed, again while it fails, and nothing of what has joined', async () => {
    await using receiver = await startReceiver(count => (count === 1 ? 500 : 204))
    await using desk = await startTestReporter(answer(good), receiver.env)
    await using _reporter = await desk.start()
    await durableIsThere(desk, 'incident-reporter-webhook')
    await desk.open(FIRST)
    await desk.open('inc_00000002')
    await reportedBy(desk, FIRST, ['facts', 'model'])
    await desk.pardon(FIRST)
    await eventually(() => assert.ok(receiver.told.some(each => typeOf(each) === 'incident.closed')))
    const ids = new Map(receiver.told.map(each => [each.headers['webhook-id'], typeOf(each)]))
    assert.deepEqual([...ids.values()].sort(), [
      'incident.closed',
      'incident.opened',
      'incident.reported',
      'incident.reported',
    ])
    await eventually(() => assert.equal(receiver.told.length, 5, 'the failed one came again, under its id'))
    for (const { headers, body } of receiver.told) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      const expected = createHmac('sha256', SECRET).update(signed).digest('base64')
      assert.equal(headers['webhook-signature'], `v1,${expected}`)
      assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000) < 60)
    }
  })

  it('that is gone for good costs no report, and leaves what it was not told in the dead letters', async () => {
    await using receiver = await startReceiver(() => 410)
    await using desk = await startTestReporter(answer(good), receiver.env)
    await using _reporter = await desk.start()
    await durableIsThere(desk, 'incident-reporter-webhook')
    await desk.open(FIRST)
    await reportedBy(desk, FIRST, ['facts', 'model'])
    await eventually(async () => {
      const { state } = await desk.link.manager.streams.info('DEADLETTER')
      assert.equal(state.messages, 3)
    })
  })
})
