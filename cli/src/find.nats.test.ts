import assert from 'node:assert/strict'

import { after, before, describe, test } from 'node:test'

import { admitted, settled, startTestCli, type TestEnv, ulidAt } from './test-cli.ts'

describe('one request, one event', () => {
  let testCli: TestEnv
  before(async () => {
    testCli = await startTestCli()
  })
  after(() => testCli[Symbol.asyncDispose]())

  test('trace tells the events of one request in order, with the delays', async () => {
    const startMs = Date.now() - 2_000
    const request = `req_${ulidAt(startMs)}`
    await testCli.publishRequest(`req_${ulidAt(startMs)}`, startMs)
    await testCli.publishRequest(request, startMs)
    const told = await testCli.run(['trace', request, '--json'])
    assert.deepEqual([told.code, told.errors], [0, ''])
    assert.deepEqual(
      told.json().map(({ event, sinceStartMs, sinceLastMs }) => [event.type, sinceStartMs, sinceLastMs]),
      [
        ['fluxgate.requests.admitted', 0, 0],
        ['fluxgate.tokens.progressed', 1_000, 1_000],
        ['fluxgate.requests.completed', 1_500, 500],
        ['fluxgate.tokens.settled', 1_500, 0],
      ],
    )
    assert.ok(told.json().every(({ event }) => event.data.request === request))

    const page = await testCli.run(['trace', request])
    assert.match(page.lines[0] ?? '', /4 events in 1\.50 s/)
    assert.match(
      page.lines[2] ?? '',
      /^ +\+1\.00 s \(\+1\.00 s\) +tokens\.progressed +u1\.k1 TOKENS:\d+ .*delta=13/,
    )
    assert.ok(!page.lines.join('').includes('\u001b'), 'no colours without a terminal')

    const open = `req_${ulidAt(startMs)}`
    await testCli.publisher.publish(admitted(open, startMs))
    const halfway = await testCli.run(['trace', open])
    assert.deepEqual([halfway.code, halfway.lines.length], [0, 2])
    assert.match(halfway.errors, /not in the log \(yet\): ending, settlement/)

    const gone = await testCli.run(['trace', `req_${ulidAt(startMs)}`])
    assert.deepEqual([gone.code, gone.lines], [1, []])
    assert.match(gone.errors, /nothing in the log tells of request/)
  })

  test('show finds an event by its id and by its place', async () => {
    const outgoing = settled('req_shown_event', Date.now())
    const { stream, sequence } = await testCli.publisher.publish(outgoing)
    const byId = await testCli.run(['show', outgoing.event.id, '--json'])
    assert.deepEqual([byId.code, byId.errors], [0, ''])
    const [found] = byId.json()
    assert.deepEqual([found.event, found.stream, found.sequence], [outgoing.event, stream, sequence])
    const byPlace = await testCli.run(['show', `${stream}:${sequence}`])
    assert.equal(byPlace.code, 0)
    assert.match(byPlace.lines[0] ?? '', new RegExp(`^TOKENS:${sequence} fluxgate\\.tokens\\.`))
    assert.deepEqual(JSON.parse(byPlace.lines.slice(1).join('\n')), outgoing.event)
    const { subject, event } = settled('req_no_time_in_id', Date.now())
    await testCli.publisher.publish({ subject, event: { ...event, id: 'an-id-without-a-time' } })
    assert.equal((await testCli.run(['show', 'an-id-without-a-time'])).code, 0)
    for (const wanted of [ulidAt(Date.now()), 'TOKENS:999999', 'an-id-of-nobody-here']) {
      const none = await testCli.run(['show', wanted])
      assert.deepEqual([none.code, none.lines], [1, []], wanted)
      assert.match(none.errors, /is not in the log/)
    }
  })
})
