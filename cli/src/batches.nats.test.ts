import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import type { OutgoingEvent } from '@fluxgate/contracts'
import { connectNats, EventPublisher } from '@fluxgate/nats'
import { silent } from '@fluxgate/nats/testing'
import { createIds } from '@fluxgate/runtime'
import { eventually, testNats } from '@fluxgate/testing'
import { completed, progressed, settled, startTestCli, type TestEnv, whole } from './test-cli.ts'

/** Requests of the first edition, then requests whose events are in batches, of several users each. */
describe('the log with messages of the first edition and batches', () => {
  let testCli: TestEnv
  let batched: EventPublisher
  const batches = { source: '/test/1', newId: createIds(), partitions: 1 }
  const append = async (events: readonly OutgoingEvent[]) => {
    for (const event of events) batched.append(event)
    await batched.flush()
  }
  before(async () => {
    testCli = await startTestCli({ ownNats: true })
    batched = new EventPublisher(testCli.link, { batches })
    const nowMs = Date.now()
    for (let n = 0; n < 5; n++) await testCli.publish(whole(`req_single_${n}`, nowMs, `u${n}`))
    for (let round = 0; round < 3; round++) {
      const users = Array.from({ length: 20 }, (_, n) => n)
      await append(users.flatMap(n => whole(`req_batch_${round}_${n}`, nowMs, `u${n}`)))
    }
  })
  after(async () => {
    await batched.close()
    await testCli[Symbol.asyncDispose]()
  })

  test('holds: every request is whole, each event counts once', async () => {
    const verified = await testCli.run(['verify', '--json'])
    assert.equal(verified.code, 0, verified.errors)
    const verdict = verified.json().find(({ kind }) => kind === 'verdict')
    assert.equal(verdict.facts, 195)
    const { messages } = (await testCli.link.manager.streams.info('TOKENS')).state
    assert.equal(messages, 5 + 3)
  })

  test('is searched, and followed by identity and by request', async () => {
    const found = await testCli.run(['grep', 'req_', '--identity', 'u3.k1', '--json'])
    assert.deepEqual([found.code, found.json().length], [0, 12])
    assert.ok(found.json().every(({ event }) => event.data.user === 'u3'))
    const kinds = await testCli.run(['grep', 'req_', '--event', 'tokens.settled', '--count'])
    assert.match(kinds.lines.join(), /65/)
    const timeline = await testCli.run(['timeline', 'u4', '--json'])
    assert.equal(timeline.json().filter(({ event }) => event !== undefined).length, 12)
    assert.equal((await testCli.run(['timeline', 'nobody', '--json'])).json().length, 0)
    const trace = await testCli.run(['trace', 'req_batch_1_7', '--json'])
    assert.deepEqual(
      trace.json().map(({ event }) => event.type),
      ['fluxgate.requests.admitted', 'fluxgate.requests.completed', 'fluxgate.tokens.settled'],
    )
  })

  test('shows an event by its id and by its position', async () => {
    const [event] = (
      await testCli.run(['grep', 'req_batch_2_11', '--event', 'tokens.settled', '--json'])
    ).json()
    assert.equal(event.stream, 'TOKENS')
    const position = `TOKENS:${event.sequence}.${event.index}`
    const [byPosition] = (await testCli.run(['show', position, '--json'])).json()
    assert.deepEqual(byPosition, event)
    assert.deepEqual((await testCli.run(['show', event.event.id, '--json'])).json(), [event])
    assert.match(
      (await testCli.run(['show', position])).lines[0]!,
      new RegExp(`^${position} fluxgate\\.tokens\\.0`),
    )
    const first = (await testCli.run(['show', `TOKENS:${event.sequence}`, '--json'])).json()[0]
    assert.equal(first.index, 0)
    assert.equal((await testCli.run(['show', `TOKENS:${event.sequence}.400`])).code, 1)
  })

  test('is exported and imported with its batches, byte for byte, and holds there', async () => {
    const path = join(testCli.directory, 'both.ndjson')
    const exported = await testCli.run(['export', '--output', path])
    assert.match(exported.errors, /21 messages, last hash/)
    assert.equal((await testCli.run(['verify', '--file', path], {})).code, 0)
    await using other = await testNats()
    await using link = await connectNats({ url: other.url, name: 'test' }, silent)
    const env = { NATS_URL: other.url }
    const imported = async () => (await testCli.run(['import', path, '--yes', '--json'], env)).json()[0]
    assert.deepEqual(await imported(), { kind: 'imported', imported: 21, known: 0, unreadable: 0 })
    assert.deepEqual(await imported(), { kind: 'imported', imported: 0, known: 21, unreadable: 0 })
    const last = { last_by_subj: 'fluxgate.tokens.0' }
    const original = await testCli.link.manager.streams.getMessage('TOKENS', last)
    const copy = await link.manager.streams.getMessage('TOKENS', last)
    assert.deepEqual([copy.subject, copy.data], [original.subject, original.data])
    assert.equal((await testCli.run(['verify'], env)).code, 0)
  })

  test('is shown as it passes', async () => {
    const child = testCli.start(['tail', '--json', '--identity', 'u1', '--event', 'tokens.settled'])
    const requests: string[] = []
    createInterface({ input: child.stdout! }).on('line', line =>
      requests.push(JSON.parse(line).event.data.request),
    )
    let probes = 0
    await eventually(async () => {
      await append([settled(`req_probe_${probes++}`, Date.now())])
      return requests.length > 0
    })
    await append([
      settled('req_of_another', Date.now(), 'u2'),
      progressed('req_of_another_kind', Date.now()),
      settled('req_wanted_1', Date.now()),
      completed('req_of_another_stream', Date.now()),
      settled('req_wanted_2', Date.now()),
    ])
    await eventually(() => assert.ok(requests.includes('req_wanted_2')))
    child.kill('SIGINT')
    await once(child, 'exit')
    assert.deepEqual(
      requests.filter(request => !request.startsWith('req_probe')),
      ['req_wanted_1', 'req_wanted_2'],
    )
  })
})
