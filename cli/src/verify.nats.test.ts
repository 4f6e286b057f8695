import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { BudgetCrossed, encodeEvent, eventMaker, KeyAccepted, STREAMS } from '@fluxgate/contracts'
import { connectNats, ensureTopology } from '@fluxgate/nats'
import { eventually, testNats } from '@fluxgate/testing'
import {
  admitted,
  completed,
  progressed,
  settled,
  startTestCli,
  type TestEnv,
  ulidAt,
  whole,
} from './test-cli.ts'

const silent = { info() {}, warn() {}, error() {} }

describe('verify', () => {
  let testCli: TestEnv
  before(async () => {
    testCli = await startTestCli()
  })
  after(() => testCli[Symbol.asyncDispose]())
  beforeEach(async () => {
    // Made anew and not purged: that would be a deletion, which verify names.
    for (const stream of [...Object.values(STREAMS), 'DEADLETTER']) {
      await testCli.link.manager.streams.delete(stream)
    }
    await ensureTopology(testCli.link)
  })

  async function verified(...args: string[]) {
    const told = await testCli.run(['verify', '--json', ...args])
    const kinds = Map.groupBy(told.json(), ({ kind }) => kind as string)
    const offenders = (kinds.get('offender') ?? []).map(({ offence, request }) => [offence, request])
    return { ...told, kinds, offenders, verdict: kinds.get('verdict')![0] }
  }

  test('holds for a healthy log, by identity and as a whole', async () => {
    for (let n = 0; n < 20; n++)
      await testCli.publish(whole(`req_healthy_${n}`, Date.now(), n % 2 ? 'ada' : 'bob'))
    await testCli.publish([admitted('req_in_flight', Date.now(), 'ada')])
    const { code, verdict, kinds } = await verified('--from', '1h')
    assert.deepEqual([code, verdict.holds], [0, true])
    const { admitted: count, completed: ended, inFlight, totalTokens } = verdict.whole
    assert.deepEqual([count, ended, inFlight, totalTokens], [21, 20, 1, 660])
    const ada = kinds.get('identity')?.find(({ identity }) => identity === 'ada.k1')
    assert.deepEqual(
      [ada.admitted, ada.completed, ada.inFlight, ada.settled, ada.totalTokens],
      [11, 10, 1, 10, 330],
    )
    const page = await testCli.run(['verify', '--from', '1h'])
    assert.match(page.lines.at(-1) ?? '', /^holds$/)
    assert.match(page.lines.join('\n'), /all 2 +21 +20 /)
  })

  test('names a settlement that is missing, one too many, and what was never admitted', async () => {
    const longAgo = Date.now()
    await testCli.publish([admitted('req_unsettled', longAgo), completed('req_unsettled', longAgo)])
    await testCli.publish(whole('req_doubled', longAgo))
    await testCli.publish([settled('req_doubled', longAgo)])
    const request = `req_${ulidAt(Date.now() + 5_500)}`
    await testCli.publish([completed(request, longAgo)])
    // What came a moment ago may still be on its way: only what was stored a minute before counts as missing.
    const { code, offenders } = await verified('--from', '1h')
    assert.deepEqual(
      [code, offenders],
      [
        1,
        [
          ['settled_twice', 'req_doubled'],
          ['never_admitted', request],
        ],
      ],
    )
    const page = await testCli.run(['verify', '--from', '1h'])
    assert.equal(page.code, 1)
    assert.match(page.lines.join('\n'), /settled_twice +u1\.k1 req_doubled .* TOKENS:\d+/)
    assert.match(page.lines.at(-1) ?? '', /does not hold: 2 offences/)
  })

  test('names messages that were deleted, cannot be read, or were put aside', async () => {
    await testCli.publish(whole('req_delete_1', Date.now()))
    const { sequence } = await testCli.publisher.publish(admitted('req_delete_2', Date.now()))
    await testCli.publish([settled('req_delete_2', Date.now()), completed('req_delete_2', Date.now())])
    await testCli.link.manager.streams.deleteMessage(STREAMS.requests, sequence)
    testCli.link.connection.publish('fluxgate.tokens.00.settled.u1.k1', '{"type":"fluxgate.tokens.stolen"}')
    await testCli.link.jetstream.publish('fluxgate.deadletter.TOKENS', 'x')
    const { code, offenders, kinds } = await verified('--from', '1h')
    assert.equal(code, 1)
    const offences = offenders.map(([offence]) => offence)
    for (const offence of ['deleted_from_stream', 'unreadable', 'dead_letter'])
      assert.ok(offences.includes(offence), offence)
    const deleted = kinds.get('offender')?.find(({ offence }) => offence === 'deleted_from_stream')
    assert.deepEqual(deleted.places, [{ stream: 'REQUESTS', sequence }])
  })

  test('names messages that were deleted from the beginning or the end of a stream', async () => {
    const { streams } = testCli.link.manager
    for (let n = 0; n < 3; n++) await testCli.publish(whole(`req_edge_${n}`, Date.now()))
    assert.equal((await verified()).code, 0)
    const { first_seq: first, last_seq: last } = (await streams.info(STREAMS.tokens)).state
    await streams.deleteMessage(STREAMS.tokens, last)
    await streams.deleteMessage(STREAMS.tokens, first)
    const { code, kinds } = await verified()
    assert.equal(code, 1)
    const deleted = kinds.get('offender')?.filter(({ offence }) => offence === 'deleted_from_stream')
    assert.deepEqual(
      deleted?.map(({ detail }) => detail),
      [
        `TOKENS does not hold ${last}: deleted from its end`,
        `TOKENS does not hold ${first}: deleted from its beginning`,
      ],
    )
  })

  test('names an event that is stored twice, and a total that is not the sum of its parts', async () => {
    const now = Date.now()
    await testCli.publish(whole('req_twice', now))
    const told = progressed('req_twice', now)
    await testCli.publish([told])
    await testCli.link.jetstream.publish(told.subject, encodeEvent(told.event))
    const wrong = settled('req_total', now)
    Object.assign(wrong.event.data, { total: 2 })
    await testCli.publish([admitted('req_total', now), wrong, completed('req_total', now)])
    const { offenders } = await verified()
    assert.deepEqual(offenders.map(([offence]) => offence).sort(), ['stored_twice', 'wrong_total'])
  })

  test('holds when two nodes tell of one crossing, and one copy is dropped', async () => {
    const crossed = {
      user: 'ada',
      key: 'k1',
      request: 'req_crossed',
      budget: 'month',
      each: 'user' as const,
      holder: 'ada',
      period: 'month' as const,
      periodStart: 0,
      level: 'hard' as const,
      unit: 'tokens' as const,
      limit: 10,
      used: 33,
    }
    for (const node of ['one', 'two']) {
      const told = eventMaker(`/gateway/${node}/${ulidAt(Date.now())}`, () => ulidAt(Date.now()), Date.now)
      await testCli.publish([
        told(KeyAccepted, { user: 'ada', key: 'k1', address: '127.0.0.1', count: 1 }),
        told(BudgetCrossed, crossed, { id: 'crossed-ada-month' }),
        told(KeyAccepted, { user: 'ada', key: 'k1', address: '127.0.0.1', count: 2 }),
      ])
    }
    const { offenders, verdict } = await verified()
    assert.deepEqual(offenders, [])
    assert.equal(verdict.facts, 5, 'the stream has dropped a copy')
  })

  test('says what retention has dropped, and does not judge it', async () => {
    await testCli.publish(whole('req_dropped', Date.now()))
    const { seq } = await testCli.link.manager.streams.getMessage(STREAMS.requests, {
      last_by_subj: 'fluxgate.requests.>',
    })
    await testCli.link.manager.streams.purge(STREAMS.requests, { seq })
    await testCli.publish(whole('req_kept', Date.now()))
    const { verdict, kinds } = await verified()
    const dropped = kinds.get('dropped')?.find(({ stream }) => stream === 'REQUESTS')
    assert.equal(dropped.messages, seq - 1)
    assert.equal(verdict.from, dropped.firstStoredAt)
    const page = await testCli.run(['verify'])
    assert.match(
      page.lines.join('\n'),
      /not judged: retention has dropped [\d,]+ messages of REQUESTS: it begins at 20/,
    )
  })

  test('does not judge the time of a stream that retention has emptied', async () => {
    await testCli.publish(whole('req_emptied', Date.now()))
    const { streams } = testCli.link.manager
    const { config, state } = await streams.info(STREAMS.tokens)
    const { last_ts } = state
    await streams.update(STREAMS.tokens, { ...config, max_age: 1e9, duplicate_window: 1e9 })
    await eventually(async () => assert.equal((await streams.info(STREAMS.tokens)).state.messages, 0))
    const { verdict, code, kinds } = await verified()
    assert.equal(code, 0)
    assert.ok(Date.parse(verdict.from) > Date.parse(last_ts), `${verdict.from} after ${last_ts}`)
    assert.equal(kinds.get('dropped')?.find(({ stream }) => stream === 'TOKENS').firstStoredAt, null)
  })

  test('an export holds, and goes into another log once, however often it is imported', async () => {
    const from = new Date(Date.now() - 60_000).toISOString()
    for (let n = 0; n < 30; n++) await testCli.publish(whole(`req_export_${n}`, Date.now()))
    const path = join(testCli.directory, 'log.ndjson')
    const exported = await testCli.run(['export', '--from', from, '--output', path])
    assert.equal(exported.code, 0)
    const [, count, hash = ''] = /(\d+) messages, last hash ([0-9a-f]{64})/.exec(exported.errors) ?? []
    assert.equal(count, '90')
    assert.equal((await testCli.run(['export', '--from', from, '--output', path])).code, 2)
    const printed = await testCli.run(['export', '--from', from])
    assert.ok(`${printed.lines.join('\n')}\n` === (await readFile(path, 'utf8')), 'the same bytes')

    const good = await testCli.run(['verify', '--file', path, '--hash', hash, '--json'], {})
    assert.deepEqual([good.code, good.json()], [0, [{ kind: 'verdict', holds: true, messages: 90, hash }]])

    await using other = await testNats()
    await using link = await connectNats({ url: other.url, name: 'test' }, silent)
    const env = { NATS_URL: other.url }
    const asked = await testCli.run(['import', path], env)
    assert.equal(asked.code, 2)
    assert.match(
      asked.errors,
      /90 messages of .* would be put into the log at 127\.0\.0\.1:\d+, which has no streams yet/,
    )
    const imported = async () => (await testCli.run(['import', path, '--yes', '--json'], env)).json()[0]
    assert.deepEqual(await imported(), { kind: 'imported', imported: 90, known: 0, unreadable: 0 })
    assert.deepEqual(await imported(), { kind: 'imported', imported: 0, known: 90, unreadable: 0 })
    assert.match((await testCli.run(['import', path], env)).errors, /which holds 90 messages/)
    const original = await testCli.link.manager.streams.getMessage(STREAMS.tokens, {
      last_by_subj: 'fluxgate.tokens.>',
    })
    const copy = await link.manager.streams.getMessage(STREAMS.tokens, { last_by_subj: 'fluxgate.tokens.>' })
    assert.deepEqual([copy.subject, copy.data], [original.subject, original.data])
    assert.equal((await testCli.run(['verify'], env)).code, 0)
  })

  test('names the line of a file that was changed, and imports nothing of it', async () => {
    await testCli.publish(whole('req_tampered', Date.now()))
    const path = join(testCli.directory, 'tampered.ndjson')
    const { lines } = await testCli.run(['export', '--from', '1h'])
    await writeFile(path, `${lines.with(2, lines[2]!.replace('u1', 'u2')).join('\n')}\n`)
    const checked = await testCli.run(['verify', '--file', path], {})
    assert.equal(checked.code, 1)
    assert.match(checked.lines[0] ?? '', /^changed +line 3 does not follow from line 2/)
    assert.match(checked.lines[1] ?? '', /^does not hold: 3 messages/)
    const refused = await testCli.run(['import', path, '--yes'])
    assert.deepEqual([refused.code, refused.lines], [1, []])
    assert.match(refused.errors, /does not hold: nothing was imported/)
    await writeFile(path, `${lines.slice(0, -1).join('\n')}\n`)
    assert.match(
      (await testCli.run(['verify', '--file', path], {})).lines[0] ?? '',
      /^truncated +the file ends at line 4/,
    )
  })
})
