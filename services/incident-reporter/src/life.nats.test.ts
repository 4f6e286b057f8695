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

interface Reported {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A webhook's receiver; what it answers is the test's. */
async function startReceiver(statusOf: (count: number) => number) {
  const reported: Reported[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    reported.push({ headers: request.headers, body })
    response.writeHead(statusOf(reported.length)).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    reported,
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

const typeOf = ({ body }: Reported) => (JSON.parse(body) as { type: string }).type

async function durableIsThere(reporter: TestReporter, name: string): Promise<void> {
  await eventually(() => reporter.link.manager.consumers.info('INCIDENTS', name))
}

describe('findings of one identity and rule', () => {
  it(`are one incident: a burst of ${BURST} is asked about once, over a restart too`, async () => {
    await using reporter = await startTestReporter(answer(good))
    const name = (i: number) => `inc_${String(i + 1).padStart(8, '0')}`
    {
      await using _reporter = await reporter.start()
      for (let i = 0; i < BURST / 2; i++) await reporter.open(name(i))
    }
    await using _reporter = await reporter.start()
    for (let i = BURST / 2; i < BURST; i++) await reporter.open(name(i))
    await eventually(async () => assert.equal((await reporter.joined()).length, BURST - 1), {
      timeoutMs: 60_000,
    })
    const joined = await reporter.joined()
    assert.ok(joined.every(({ into }) => into === FIRST))
    assert.deepEqual(
      joined.map(({ findings }) => findings).sort((a, b) => a - b),
      Array.from({ length: BURST - 1 }, (_, i) => i + 2),
    )
    await reportedBy(reporter, FIRST, ['facts', 'model'])
    assert.equal(reporter.model.questions.length, 1)
    assert.deepEqual(await reporter.reports(name(1)), [])
  })

  it('are another incident once the first is closed, and its report knows of the first', async () => {
    await using reporter = await startTestReporter(answer(good))
    await using _reporter = await reporter.start()
    await reporter.open(FIRST)
    await reportedBy(reporter, FIRST, ['facts', 'model'])
    await reporter.pardon(FIRST)
    await eventually(async () => assert.equal((await reporter.closings()).length, 1))
    await reporter.open('inc_00000002')
    const [facts] = await reportedBy(reporter, 'inc_00000002', ['facts', 'model'])
    assert.match(
      facts!.report.summary,
      /Earlier incidents: 1, the last inc_00000001 \(context_flood, judged abuse\)/,
    )
    const prompt = reporter.model.questions.at(-1)!.messages[1]!.content
    assert.match(
      prompt,
      /earlier incident INCIDENTS:1 of the same identity .* verdict abuse closed: "pardoned: known"/,
    )
  })
})

describe('a pardon', () => {
  it('closes its incident once, in the name of who pardoned', async () => {
    await using reporter = await startTestReporter(answer(good))
    await using _one = await reporter.start()
    await using _two = await reporter.start()
    await reporter.open(FIRST)
    await reporter.pardon(FIRST)
    await reporter.pardon(FIRST)
    await eventually(async () => assert.ok((await reporter.closings()).length > 0))
    await reporter.open('inc_00000002', 'another rule')
    await reportedBy(reporter, 'inc_00000002', ['facts', 'model'])
    assert.deepEqual(await reporter.closings(), [
      { incident: FIRST, actor: 'operator:ann', reason: 'pardoned: known' },
    ])
  })
})

describe('the webhook', () => {
  it('receives each event of an incident, signed, again while it fails, and nothing of what has joined', async () => {
    await using receiver = await startReceiver(count => (count === 1 ? 500 : 204))
    await using reporter = await startTestReporter(answer(good), receiver.env)
    await using _reporter = await reporter.start()
    await durableIsThere(reporter, 'incident-reporter-webhook')
    await reporter.open(FIRST)
    await reporter.open('inc_00000002')
    await reportedBy(reporter, FIRST, ['facts', 'model'])
    await reporter.pardon(FIRST)
    await eventually(() => assert.ok(receiver.reported.some(each => typeOf(each) === 'incident.closed')))
    const ids = new Map(receiver.reported.map(each => [each.headers['webhook-id'], typeOf(each)]))
    assert.deepEqual([...ids.values()].sort(), [
      'incident.closed',
      'incident.opened',
      'incident.reported',
      'incident.reported',
    ])
    await eventually(() =>
      assert.equal(receiver.reported.length, 5, 'the failed one came again, under its id'),
    )
    for (const { headers, body } of receiver.reported) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      const expected = createHmac('sha256', SECRET).update(signed).digest('base64')
      assert.equal(headers['webhook-signature'], `v1,${expected}`)
      assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000) < 60)
    }
  })

  it('that is gone for good costs no report, and leaves its messages in the dead letters', async () => {
    await using receiver = await startReceiver(() => 410)
    await using reporter = await startTestReporter(answer(good), receiver.env)
    await using _reporter = await reporter.start()
    await durableIsThere(reporter, 'incident-reporter-webhook')
    await reporter.open(FIRST)
    await reportedBy(reporter, FIRST, ['facts', 'model'])
    await eventually(async () => {
      const { state } = await reporter.link.manager.streams.info('DEADLETTER')
      assert.equal(state.messages, 3)
    })
  })
})
