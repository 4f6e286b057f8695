import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { IncidentJoined, IncidentOpened, STREAMS, type StoredEvent } from '@fluxgate/contracts'
import { replay } from '@fluxgate/nats'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { callTool, incidentRow, make, startBench, type TestBench } from '../../test-bench.ts'

describe('tools about incidents', () => {
  let bench: TestBench
  let client: Client
  before(async () => {
    bench = await startBench()
    client = await bench.client()
  })
  after(() => bench[Symbol.asyncDispose]())

  async function facts(stream: string): Promise<StoredEvent[]> {
    const found: StoredEvent[] = []
    for await (const { events } of replay(bench.link, { stream, from: 'first' })) found.push(...events)
    return found
  }

  test('incidents are listed by page, and one is shown in full', async () => {
    const now = Date.now()
    await bench.db
      .insertInto('incidents')
      .values([1, 2, 3].map(n => incidentRow(n, now + n)))
      .execute()
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await callTool(client, 'get_security_incidents', { limit: 2, ...(cursor && { cursor }) })
      seen.push(...(page.data.incidents as Array<{ id: string }>).map(({ id }) => id))
      cursor = page.data.nextCursor as string | undefined
    } while (cursor)
    assert.deepEqual(seen, ['inc_00000003', 'inc_00000002', 'inc_00000001'])
    const open = await callTool(client, 'get_security_incidents', { state: 'opened' })
    assert.equal((open.data.incidents as unknown[]).length, 1)

    const one = await callTool(client, 'get_incident', { incident: 'inc_00000001' })
    const incident = one.data.incident as Record<string, unknown>
    assert.deepEqual(incident.evidence, [{ stream: 'TOKENS', sequence: 3 }])
    assert.deepEqual(one.data.throttle, { state: 'none' })
    assert.match(one.text, /tokens 812/)
    const none = await callTool(client, 'get_incident', { incident: 'inc_99999999' })
    assert.ok(none.isError)
    assert.match(none.text, /no incident inc_99999999.*get_security_incidents/)
  })

  const opened = (incident: string) =>
    make(IncidentOpened, {
      incident,
      user: 'u7',
      key: 'k7',
      rule: 'contextFlood',
      severity: 'high',
      explanation: 'a flood',
      numbers: { tokens: 812 },
      evidence: [],
      action: 'observed',
    })

  test('an incident is acknowledged and closed by its facts in the log, each once, with who did it', async () => {
    const incident = 'inc_order00001'
    await bench.publisher.publish(opened(incident))
    const note = 'somebody looks after it'
    const dry = await callTool(client, 'acknowledge_incident', { incident, note, dryRun: true })
    assert.deepEqual([dry.data.acknowledged, dry.data.identity], [false, 'u7.k7'], dry.text)
    const first = await callTool(client, 'acknowledge_incident', { incident, note })
    assert.deepEqual([first.data.acknowledged, first.data.actor], [true, 'mcp:operator'])
    const again = await callTool(client, 'acknowledge_incident', { incident, note })
    assert.ok(again.isError && /already, by mcp:operator/.test(again.text))
    const closed = await callTool(client, 'close_incident', { incident, reason: 'it was a test' })
    assert.equal(closed.data.closed, true, closed.text)
    for (const [name, words] of [
      ['acknowledge_incident', { note }],
      ['close_incident', { reason: 'again' }],
    ] as const) {
      const late = await callTool(client, name, { incident, ...words })
      assert.ok(late.isError && /was closed by mcp:operator/.test(late.text), late.text)
    }
    const told = (await facts(STREAMS.incidents)).map(({ event }) => event)
    assert.deepEqual(
      told.map(({ type, data }) => [type.split('.')[2], (data as { actor?: string }).actor]),
      [
        ['opened', undefined],
        ['acknowledged', 'mcp:operator'],
        ['closed', 'mcp:operator'],
      ],
    )
    assert.equal((told[1]!.data as { note: string }).note, note)
  })

  test('an incident that became part of another is ordered about there', async () => {
    await bench.publisher.publish(opened('inc_joined0001'))
    const joined = { incident: 'inc_joined0001', user: 'u7', key: 'k7', rule: 'contextFlood' }
    await bench.publisher.publish(make(IncidentJoined, { ...joined, into: 'inc_order00001', findings: 2 }))
    const answer = await callTool(client, 'close_incident', {
      incident: 'inc_joined0001',
      reason: 'it is over',
    })
    assert.ok(answer.isError && /part of inc_order00001/.test(answer.text), answer.text)
  })
})
