import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { IncidentClosed, IncidentOpened, IncidentReported, ThrottleImposed } from '@fluxgate/contracts'
import { make, settled, startTestCli, type TestEnv, whole } from './test-cli.ts'

const INCIDENT = 'inc_0123456789abcdef'

describe('commands over a range of the log', () => {
  let testCli: TestEnv
  /** Between the first request and the rest. */
  let between: string

  before(async () => {
    testCli = await startTestCli()
    await testCli.publish(whole('req_range_ada1', Date.now(), 'ada', 100))
    await sleep(20)
    between = new Date().toISOString()
    await sleep(20)
    await testCli.publish(whole('req_range_ada2', Date.now(), 'ada', 200))
    await testCli.publish(whole('req_range_bob1', Date.now(), 'bob', 50))
    const about = { incident: INCIDENT, user: 'ada', key: 'k1' }
    const found = {
      rule: 'contextFlood',
      severity: 'high' as const,
      explanation: 'x',
      numbers: {},
      evidence: [],
    }
    const report = { verdict: 'abuse' as const, confidence: 1, severity: 'high' as const, summary: 's' }
    const rest = { likelyCause: 'c', recommendedAction: 'a', evidence: [] }
    const throttle = {
      capacity: 100,
      refillRate: 10,
      until: Date.now() + 60_000,
      reason: 'x',
      actor: 'guard',
    }
    for (const event of [
      make(ThrottleImposed, {
        user: 'ada',
        key: 'k1',
        rule: 'contextFlood',
        incident: INCIDENT,
        ...throttle,
      }),
      make(IncidentOpened, { ...about, ...found, action: 'throttled' }),
      make(IncidentReported, { incident: INCIDENT, source: 'facts', report: { ...report, ...rest } }),
      make(IncidentOpened, {
        ...about,
        ...found,
        incident: 'inc_0b0b0b0b0b',
        user: 'bob',
        action: 'observed',
      }),
    ]) {
      await testCli.publisher.publish(event)
      await sleep(2)
    }
  })
  after(() => testCli[Symbol.asyncDispose]())

  test('grep finds a text in a range, by stream, event and identity, and says when there is none', async () => {
    const requests = async (...args: string[]) =>
      (await testCli.run(['grep', ...args, '--json'])).json().map(({ event }) => event.data.request)
    assert.deepEqual(await requests('req_range_ada1'), ['req_range_ada1', 'req_range_ada1', 'req_range_ada1'])
    assert.deepEqual(await requests('REQ_RANGE', '--event', 'settled', '--from', between), [
      'req_range_ada2',
      'req_range_bob1',
    ])
    assert.deepEqual(await requests('req_range', '--event', 'settled', '--to', between), ['req_range_ada1'])
    assert.deepEqual(await requests('req_range', '--identity', 'bob', '--stream', 'tokens'), [
      'req_range_bob1',
    ])
    assert.deepEqual(await requests('-E', '"total":(100|50)\\b'), ['req_range_ada1', 'req_range_bob1'])
    assert.equal((await requests('req_range', '--limit', '2')).length, 2)
    assert.deepEqual((await testCli.run(['grep', 'req_range', '--count'])).lines, ['9'])
    const none = await testCli.run(['grep', 'nobody-wrote-this'])
    assert.deepEqual([none.code, none.lines], [1, []])
  })

  test('timeline tells everything about a user, incidents and their reports too', async () => {
    const told = await testCli.run(['timeline', 'ada', '--from', between, '--json'])
    assert.equal(told.code, 0)
    const entries = told.json().map(({ event }) => event.type.slice('fluxgate.'.length))
    assert.deepEqual(entries.slice(0, 3).sort(), [
      'requests.admitted',
      'requests.completed',
      'tokens.settled',
    ])
    assert.deepEqual(entries.slice(3), ['throttles.imposed', 'incidents.opened', 'incidents.reported'])
    assert.equal((await testCli.run(['timeline', 'bob.k1', '--json'])).lines.length, 4)
    assert.match((await testCli.run(['timeline', 'bob'])).lines[0] ?? '', / bob\.k1 /)
    const unknown = await testCli.run(['timeline', 'nobody'])
    assert.deepEqual([unknown.code, unknown.lines], [1, []])
    assert.match(unknown.errors, /nothing in the log tells of nobody/)
  })

  test('at tells totals, buckets, throttles and open incidents as they were', async () => {
    const kinds = async (moment: string) => {
      const told = await testCli.run(['at', moment, '--json'])
      assert.equal(told.code, 0)
      return Map.groupBy(told.json(), ({ kind }) => kind as string)
    }
    const then = await kinds(between)
    const { totals, positions } = then.get('state')![0]
    assert.deepEqual(
      [totals.admitted, totals.completed, totals.totalTokens, positions.TOKENS],
      [1, 1, 100, 1],
    )
    assert.deepEqual([then.get('throttle'), then.get('incident')], [undefined, undefined])

    const now = await kinds('0s')
    assert.deepEqual(now.get('state')?.[0].totals.totalTokens, 350)
    assert.deepEqual(
      now.get('throttle')?.map(({ identity, capacity }) => [identity, capacity]),
      [['ada.k1', 100]],
    )
    assert.deepEqual(
      now
        .get('incident')
        ?.map(({ identity, state }) => [identity, state])
        .sort(),
      [
        ['ada.k1', 'reported'],
        ['bob.k1', 'opened'],
      ],
    )
    const page = await testCli.run(['at', '0s'])
    assert.match(
      page.lines.join('\n'),
      /3 admitted = 3 completed \+ 0 failed \+ 0 interrupted \+ 0 in flight/,
    )
    assert.match(page.lines.join('\n'), /1 throttles in force\nidentity .*\nada\.k1 +100 /)

    await testCli.publisher.publish(
      make(IncidentClosed, { incident: INCIDENT, actor: 'admin', reason: 'done' }),
    )
    assert.deepEqual((await kinds('0s')).get('incident')?.length, 1)
  })

  test('reprice counts cost by identity and model with another list', async () => {
    const prices = join(testCli.directory, 'prices.json')
    await writeFile(prices, JSON.stringify({ models: { 'm*': { input: 1, output: 10 } } }))
    const { code, errors, json } = await testCli.run(['reprice', '--prices', prices, '--json'])
    assert.deepEqual([code, errors], [0, ''])
    const [ada, bob, total] = json()
    // Two requests of 3 prompt tokens each, 97 and 197 of completion.
    assert.deepEqual(
      [ada.identity, ada.model, ada.settled, ada.costMicros, ada.cost],
      ['ada.k1', 'm', 2, 2_946, 0.002946],
    )
    assert.deepEqual([bob.costMicros, total.kind, total.costMicros], [473, 'total', 3_419])
    const page = await testCli.run(['reprice', '--prices', prices, '--to', between])
    assert.match(page.lines[1] ?? '', /^ada\.k1 +m +1 +3 +0 +0 +97 +0 +0\.000973 +0\.000000$/)
    await writeFile(prices, JSON.stringify({ models: { other: { input: 1, output: 10 } } }))
    assert.match((await testCli.run(['reprice', '--prices', prices])).errors, /no price for m/)
    await writeFile(prices, '{"models": {"m": {"input": -1}}}')
    const wrong = await testCli.run(['reprice', '--prices', prices])
    assert.equal(wrong.code, 2)
    assert.match(wrong.errors, /prices\.json: /)
  })

  test('whatif gives the same bytes twice, and tells who would have been throttled', async () => {
    const policy = join(testCli.directory, 'policy.json')
    const penalty = { capacity: 1, refillRate: 1, durationMs: 60_000 }
    const rules = { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } }
    await writeFile(policy, JSON.stringify({ rules, penalty, graceMs: 0 }))
    const flood = Array.from({ length: 20 }, (_, n) => settled(`req_flood_${n}`, Date.now(), 'eve', 100))
    await testCli.publish(flood)
    const args = ['whatif', '--policy', policy, '--to', new Date(Date.now() + 1_000).toISOString()]
    const once = await testCli.run([...args, '--json'])
    const again = await testCli.run([...args, '--json'])
    assert.equal(once.code, 0)
    assert.deepEqual(again.lines, once.lines)
    const rows = once.json()
    assert.deepEqual(
      rows
        .slice(0, -1)
        .map(({ difference, identity }) => [difference, identity])
        .sort(),
      [
        ['gone', 'ada.k1'],
        ['gone', 'bob.k1'],
        ['new', 'eve.k1'],
      ],
    )
    const eve = rows.find(({ identity }) => identity === 'eve.k1')
    assert.equal(Date.parse(eve.would.until) - Date.parse(eve.would.at), 60_000)
    assert.match(eve.would.incident, /^inc_[0-9a-f]{24}$/)
    const { kind, facts, throttled } = rows.at(-1)
    assert.deepEqual([kind, facts.TOKENS, throttled], ['summary', 23, { would: 1, were: 1 }])
    assert.deepEqual((await testCli.run([...args, '--changes'])).lines, (await testCli.run(args)).lines)
    await writeFile(policy, '{}')
    assert.equal((await testCli.run(args)).code, 2)
  })
})
