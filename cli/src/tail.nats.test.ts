import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type { OutgoingEvent } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { admitted, settled, startTestCli, type TestEnv } from './test-cli.ts'

describe('tail', () => {
  let testCli: TestEnv
  before(async () => {
    testCli = await startTestCli({ ownNats: true })
  })
  after(() => testCli[Symbol.asyncDispose]())

  interface Line {
    readonly event: { readonly type: string; readonly data: Record<string, unknown> }
    readonly sequence: number | null
  }

  /** A tail that has begun to show what is published, and its lines from then on. */
  async function startTail(args: readonly string[], probe: (n: number) => OutgoingEvent) {
    const child = testCli.start(['tail', '--json', ...args])
    const lines: Line[] = []
    createInterface({ input: child.stdout! }).on('line', line => lines.push(JSON.parse(line)))
    const errors = text(child.stderr!)
    let probes = 0
    await eventually(async () => {
      await testCli.publisher.publish(probe(probes++))
      return lines.length > 0
    })
    const isProbe = ({ event }: Line) => String(event.data.request).startsWith('req_probe')
    return { child, errors, shown: () => lines.filter(line => !isProbe(line)), all: lines }
  }

  test('tail shows what passes and the filter lets through, until Ctrl-C', async () => {
    const args = ['--identity', 'u1.k1', '--event', 'tokens.settled', '--text', 'REQ_']
    const tail = await startTail(args, n => settled(`req_probe${n}`, Date.now()))
    await testCli.publisher.publish(settled('req_of_another', Date.now(), 'u2'))
    await testCli.publisher.publish(admitted('req_admitted', Date.now()))
    const wanted = settled('req_wanted', Date.now())
    await testCli.publisher.publish(wanted)
    // The same event again: the stream drops it, and so does the tail.
    await testCli.publisher.publish(wanted)
    await testCli.publisher.publish(settled('req_the_last', Date.now()))
    await eventually(() => tail.shown().length >= 2)
    assert.deepEqual(
      tail.shown().map(({ event, sequence }) => [event.data.request, sequence]),
      [
        ['req_wanted', null],
        ['req_the_last', null],
      ],
    )
    tail.child.kill('SIGINT')
    assert.deepEqual(await once(tail.child, 'exit'), [0, null])
    assert.equal(await tail.errors, '')
  })

  test('tail begins in the past, across streams in their order, and ends after so many', async () => {
    const since = new Date().toISOString()
    const requests = ['req_past_one', 'req_past_two']
    for (const request of requests) await testCli.publishRequest(request, Date.now())
    const past = await testCli.run(['tail', '--since', since, '--limit', '8', '--json'])
    assert.equal(past.code, 0)
    assert.deepEqual(
      past.json().map(({ event, sequence }) => [event.data.request, event.type.slice(9), typeof sequence]),
      requests.flatMap(request =>
        ['requests.admitted', 'tokens.progressed', 'tokens.settled', 'requests.completed'].map(type => [
          ...[request, type, 'number'],
        ]),
      ),
    )
  })

  test('tail goes on after the server was away, and shows what it has missed', async () => {
    const tail = await startTail(['--stream', 'tokens'], n => settled(`req_probe_away${n}`, Date.now()))
    await testCli.nats.stop()
    await eventually(() => !testCli.link.isConnected())
    await testCli.nats.start()
    const stored = testCli.publisher.publish(settled('req_after_the_restart', Date.now()))
    await stored
    await eventually(() => tail.shown().some(({ event }) => event.data.request === 'req_after_the_restart'))
    const times = tail.all.filter(({ event }) => event.data.request === 'req_after_the_restart').length
    assert.equal(times, 1)
    tail.child.kill('SIGTERM')
    assert.deepEqual(await once(tail.child, 'exit'), [0, null])
    assert.match(await tail.errors, /forensics: NATS disconnected.*\nforensics: NATS reconnected/)
  })

  test('tail tells of a message that it cannot read, and leaves it where it is', async () => {
    const tail = await startTail(['--stream', 'tokens'], n => settled(`req_probe_bad${n}`, Date.now()))
    const stolen = { type: 'fluxgate.tokens.stolen\u001b[2J' }
    testCli.link.connection.publish('fluxgate.tokens.00.settled.u1.k1', JSON.stringify(stolen))
    await testCli.publisher.publish(settled('req_after_the_bad', Date.now()))
    await eventually(() => tail.shown().length > 0)
    tail.child.kill('SIGINT')
    const errors = await tail.errors
    assert.match(errors, /cannot be read: unknown event type/)
    assert.ok(!errors.includes('\u001b'))
    assert.equal((await testCli.link.manager.streams.info('DEADLETTER')).state.messages, 0)
  })
})
