import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runScript } from '@fluxgate/read-model'
import { eventually } from '@fluxgate/testing'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import {
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { callTool, incidentRow, startBench, type TestBench } from '../test-bench.ts'

const READ_TOKEN = 'read-token-of-the-tests'
const URI = 'fluxgate://incidents/inc_00000001'

describe('resources, prompts, questions in SQL and scopes', () => {
  let bench: TestBench
  let client: Client
  before(async () => {
    bench = await startBench({ MCP_READ_TOKEN: READ_TOKEN })
    await bench.db.insertInto('incidents').values(incidentRow(1, Date.now())).execute()
    client = await bench.client()
  })
  after(() => bench[Symbol.asyncDispose]())

  async function readJson(uri: string): Promise<unknown> {
    const { contents } = await client.readResource({ uri })
    return JSON.parse((contents[0] as { text: string }).text)
  }

  test('incidents, identities, requests, the policy and the views can be read', async () => {
    const { resources } = await client.listResources()
    assert.deepEqual(
      resources.map(({ uri }) => uri).sort(),
      ['fluxgate://policy', 'fluxgate://schema', URI].sort(),
    )
    const { resourceTemplates } = await client.listResourceTemplates()
    assert.deepEqual(
      resourceTemplates.map(({ uriTemplate }) => uriTemplate),
      ['fluxgate://incidents/{id}', 'fluxgate://identities/{id}', 'fluxgate://requests/{id}'],
    )
    assert.equal(((await readJson(URI)) as { id: string }).id, 'inc_00000001')
    const identity = (await readJson('fluxgate://identities/u1.k1')) as { incidents: unknown[] }
    assert.equal(identity.incidents.length, 1)
    assert.equal(((await readJson('fluxgate://policy')) as { source: string }).source, 'default')
    const views = (await readJson('fluxgate://schema')) as Array<{ name: string }>
    assert.ok(views.some(({ name }) => name === 'requests'))
    for (const uri of ['fluxgate://incidents/none', 'fluxgate://identities/x', 'fluxgate://requests/none']) {
      await assert.rejects(client.readResource({ uri }), /not found/i, uri)
    }
  })

  test('ids and arguments are completed', async () => {
    const ref = { type: 'ref/resource' as const, uri: 'fluxgate://incidents/{id}' }
    const complete = async (value: string) =>
      (await client.complete({ ref, argument: { name: 'id', value } })).completion.values
    assert.deepEqual(await complete('inc_'), ['inc_00000001'])
    assert.deepEqual(await complete('x'), [])
    const prompt = { type: 'ref/prompt' as const, name: 'investigate_incident' }
    const { completion } = await client.complete({ ref: prompt, argument: { name: 'incident', value: 'i' } })
    assert.deepEqual(completion.values, ['inc_00000001'])
  })

  test('prompts name tools that there are', async () => {
    const { prompts } = await client.listPrompts()
    const names = prompts.map(({ name }) => name)
    assert.deepEqual(names, ['investigate_incident', 'weekly_usage_review', 'tune_guard_policy'])
    const { tools } = await client.listTools()
    const known = new Set(tools.map(({ name }) => name))
    const given = { incident: 'inc_00000001', rule: 'contextFlood' }
    for (const { name, arguments: wanted = [] } of prompts) {
      const args = Object.fromEntries(
        wanted.filter(each => each.required).map(each => [each.name, given[each.name as keyof typeof given]]),
      )
      const { messages } = await client.getPrompt({ name, arguments: args })
      const { text } = messages[0]!.content as { text: string }
      const named = text.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? []
      for (const word of named.filter(each => !each.startsWith('inc_')))
        assert.ok(known.has(word), `${name}: ${word}`)
    }
  })

  test('subscribers are notified when an incident changes and when another opens', async () => {
    const heard: string[] = []
    client.setNotificationHandler(
      ResourceUpdatedNotificationSchema,
      ({ params }) => void heard.push(params.uri),
    )
    client.setNotificationHandler(ResourceListChangedNotificationSchema, () => void heard.push('list'))
    await client.subscribeResource({ uri: URI })
    const opened = { ...incidentRow(2, Date.now()), state: 'opened' as const }
    let n = 0
    await eventually(async () => {
      // Two looks apart: the first one of all tells the list too, because to it every incident is new.
      await runScript(bench.db, `update incidents set note = 'look ${++n}' where id = 'inc_00000001'`)
      assert.ok(heard.filter(each => each === URI).length >= 2)
    })
    heard.length = 0
    await bench.db.insertInto('incidents').values(opened).execute()
    await eventually(() => assert.ok(heard.includes('list')))
  })

  test('a question in SQL is answered; what is no question is refused in words', async () => {
    const sql = 'select id, state from incidents order by id limit 1'
    const { data, isError } = await callTool(client, 'run_read_query', { sql })
    assert.equal(isError, false)
    assert.deepEqual(data.rows, [{ id: 'inc_00000001', state: 'opened' }])
    for (const [wrong, words] of [
      ['delete from incidents', /begin with SELECT/],
      ['select pg_sleep(5)', /no place|cannot be called/],
      ['select * from public.users', /may not be read here/],
      ['select no_such from incidents', /42703.*no_such/],
    ] as const) {
      const refused = await callTool(client, 'run_read_query', { sql: wrong })
      assert.ok(refused.isError, wrong)
      assert.match(refused.text, words)
    }
  })

  test('the bearer of the read token asks, and to it there are no orders', async () => {
    const reader = await bench.client(READ_TOKEN)
    const { tools } = await reader.listTools()
    assert.ok(tools.length > 10)
    for (const tool of tools) assert.equal(tool.annotations?.readOnlyHint, true, tool.name)
    const orders = (await client.listTools()).tools.filter(tool => !tool.annotations?.readOnlyHint)
    assert.ok(orders.length >= 4)
    for (const { name } of orders) {
      const refused = await reader
        .callTool({ name, arguments: {} })
        .catch(error => ({ isError: true, error }))
      assert.equal(refused.isError, true, name)
      assert.match(
        JSON.stringify(refused) + String((refused as { error?: unknown }).error),
        /not found/i,
        name,
      )
    }
    assert.equal((await callTool(reader, 'list_throttles')).isError, false)
  })
})
