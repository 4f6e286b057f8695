import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parseIdentity } from '@fluxgate/contracts'
import { connectNats, type NatsLink } from '@fluxgate/nats'
import { type Database, listIncidents, listRequests, openDatabase } from '@fluxgate/read-model'
import { eventually, freePort } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import OpenAI from 'openai'
import type { Browser, Page } from 'playwright-core'
import { Agent, fetch } from 'undici'
import { ask, eventsOf, flood, MODEL, typesOf } from './loop-calls.ts'
import { type Command, processesOf, runCommand, type System, startSystem } from './system.ts'

/** The loop of the mission, each arrow of it, on separate processes with the clients that people use. */
const silent = { info() {}, warn() {}, error() {} }
const SECOND_MS = 1_000
/** It takes about one on an idle machine; a process that does not answer is killed after ten. */
const STOP_LIMIT_MS = 20 * SECOND_MS

let system: System
let trusted: Agent
let nats: NatsLink
let db: Database
let browser: Browser
let second: Command | undefined

before(async () => {
  system = await startSystem()
  trusted = new Agent({
    allowH2: false,
    connect: { ca: await readFile(system.connection.tlsCertPath, 'utf8') },
  })
  nats = await connectNats({ url: system.connection.natsUrl, name: 'e2e' }, silent)
  db = openDatabase(system.connection.databaseUrl, { max: 2, applicationName: 'e2e' })
  browser = await launchBrowser()
})

after(async () => {
  await browser?.close()
  await second?.stop('SIGTERM')
  await db?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
  await trusted?.close()
  await system?.[Symbol.asyncDispose]()
})

function client(key: string, baseURL = `${system.connection.publicUrl}/v1`): OpenAI {
  return new OpenAI({
    apiKey: key,
    baseURL,
    maxRetries: 0,
    fetch: fetch as never,
    fetchOptions: { dispatcher: trusted } as never,
  })
}

async function newKey(user: string): Promise<{ key: string; identity: string }> {
  const response = await fetch(`${system.connection.adminUrl}/admin/keys/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.connection.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: user }),
  })
  assert.equal(response.status, 201)
  const { key, id } = (await response.json()) as { key: string; id: string }
  return { key, identity: `${user}.${id}` }
}

async function mcp(): Promise<Client> {
  const found = new Client({ name: 'e2e', version: '1' })
  const headers = { authorization: `Bearer ${system.connection.mcpToken}` }
  const url = new URL(system.connection.mcpUrl)
  await found.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as never)
  return found
}

async function operatorPage(): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(system.connection.dashboardUrl)
  await page.getByTestId('login-email').fill(system.connection.operatorEmail)
  await page.getByTestId('login-password').fill(system.connection.operatorPassword)
  await page.getByTestId('login-submit').click()
  await page.getByTestId('rate-requests').waitFor()
  return page
}

describe('the loop', () => {
  it('prints a curl line that streams a completion', async () => {
    const line = /curl -N .*$/m.exec(system.start.output())?.[0]
    assert.ok(line, system.start.output())
    const curl = await import('node:child_process')
    const out = curl.execFileSync('bash', ['-c', `${line} -sS`], { encoding: 'utf8', cwd: process.cwd() })
    assert.match(out, /^data: \{/)
    assert.match(out, /data: \[DONE\]\s*$/)
  })

  it('serves the openai client, plain and streamed, and records both in the log and in Postgres', async () => {
    const { key, identity } = await newKey('e2e-plain')
    const openai = client(key)
    const plain = await ask(openai)
    assert.ok((plain.choices[0]?.message.content?.length ?? 0) > 0)
    assert.ok((plain.usage?.total_tokens ?? 0) > 0)
    const stream = await openai.chat.completions.create({
      model: MODEL,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: 'Count to ten.' }],
    })
    let text = ''
    let reported = 0
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? ''
      reported = chunk.usage?.total_tokens ?? reported
    }
    assert.ok(text.length > 0)

    // What the client saw whole is safe at its node, and in the streams a moment later.
    await eventually(async () => {
      assert.deepEqual(typesOf(await eventsOf(nats, 'REQUESTS', identity)).toSorted(), [
        'requests.admitted',
        'requests.admitted',
        'requests.completed',
        'requests.completed',
      ])
      const settled = (await eventsOf(nats, 'TOKENS', identity)).filter(
        event => event.type === 'fluxgate.tokens.settled',
      )
      assert.deepEqual(
        settled.map(event => (event.data as { total: number; source: string }).total),
        [plain.usage!.total_tokens, reported],
      )
    })
    assert.deepEqual(typesOf(await eventsOf(nats, 'AUTH', identity)), [
      'auth.key_created',
      'auth.key_accepted',
    ])
    const { user } = parseIdentity(identity)!
    await eventually(
      async () => {
        const { items } = await listRequests(db, { user, limit: 10 })
        assert.deepEqual(
          items.map(row => [row.state, row.totalTokens]).toSorted((a, b) => Number(a[1]) - Number(b[1])),
          [plain.usage!.total_tokens, reported].toSorted((a, b) => a - b).map(total => ['completed', total]),
        )
      },
      { timeoutMs: 20 * SECOND_MS },
    )
  })

  it('throttles a flood at every node, reports the incident, and shows both to MCP', async () => {
    const publicPort = String(await freePort())
    second = runCommand('infra/local/src/gateway.ts', {
      ...system.env,
      PUBLIC_PORT: publicPort,
      ADMIN_PORT: String(await freePort()),
    })
    await second.printed(/ready|running|joined/i)

    const { key, identity } = await newKey('e2e-flood')
    const { refusal, passed } = await flood(client(key))
    assert.equal(refusal.status, 429)
    assert.ok(passed >= 1)
    assert.ok(Number(refusal.headers?.get('retry-after')) >= 1)
    assert.match(refusal.message, /throttled/i)

    const elsewhere = await flood(client(key, `https://localhost:${publicPort}/v1`))
    assert.equal(elsewhere.refusal.status, 429)
    assert.match(elsewhere.refusal.message, /throttled/i)
    assert.equal(elsewhere.passed, 0, 'the second node let a throttled key through')

    assert.deepEqual(typesOf(await eventsOf(nats, 'THROTTLES', identity)), ['throttles.imposed'])
    const [user] = identity.split('.')
    await eventually(
      async () => {
        const incident = (await listIncidents(db, { limit: 50 })).items.find(row => row.userId === user)
        assert.equal(incident?.state, 'reported')
        assert.equal(incident.reportSource, 'model')
      },
      { timeoutMs: 30 * SECOND_MS },
    )

    const tools = await mcp()
    const incidents = await tools.callTool({ name: 'get_security_incidents', arguments: {} })
    assert.match(JSON.stringify(incidents), new RegExp(identity.replace('.', '\\W+|')))
    const metrics = await tools.callTool({ name: 'get_gateway_metrics', arguments: {} })
    assert.notEqual(metrics.isError, true)
    assert.match(JSON.stringify(metrics.structuredContent), /e2e-plain|e2e-flood/)
    await tools.close()
  })

  it('shows live rates, the throttled identity and the incident on the page, and pardons from it', async () => {
    const { key, identity } = await newKey('e2e-page')
    const openai = client(key)
    await flood(openai)
    const page = await operatorPage()
    const row = page.locator(`[data-testid="throttle-row"][data-identity="${identity}"]`)
    await row.waitFor({ timeout: 10 * SECOND_MS })

    const { key: steady } = await newKey('e2e-steady')
    const busy = (async () => {
      for (let i = 0; i < 8; i++) {
        await ask(client(steady))
        await new Promise(resolve => setTimeout(resolve, 400))
      }
    })()
    for (const rate of ['rate-requests', 'rate-tokens']) {
      const shown = page.getByTestId(rate)
      await eventually(
        async () => assert.ok(Number(/[\d.]+/.exec((await shown.textContent()) ?? '')?.[0] ?? 0) > 0, rate),
        { timeoutMs: 10 * SECOND_MS },
      )
    }
    await busy
    await row.getByTestId('pardon-button').click()
    await page.getByTestId('pardon-reason').fill('e2e: a known batch job')
    await page.getByTestId('pardon-confirm').click()
    await row.waitFor({ state: 'detached', timeout: 10 * SECOND_MS })
    assert.ok((await ask(openai)).choices.length > 0, 'the pardoned key works again')
    const facts = await eventsOf(nats, 'THROTTLES', identity)
    assert.deepEqual(typesOf(facts), ['throttles.imposed', 'throttles.pardoned'])
    assert.match((facts[1]!.data as { actor: string }).actor, /^operator:/)

    await page.goto(`${system.connection.dashboardUrl}/incidents`)
    await page.getByTestId('incident-row').first().click()
    await page.getByTestId('incident-report').waitFor()
    await page.close()
  })

  it('pardons over MCP', async () => {
    const { key, identity } = await newKey('e2e-mcp')
    await flood(client(key))
    const tools = await mcp()
    const result = await tools.callTool({ name: 'pardon_identity', arguments: { identity, reason: 'e2e' } })
    assert.notEqual(result.isError, true, JSON.stringify(result))
    await tools.close()
    await eventually(async () => assert.ok((await ask(client(key))).choices.length > 0))
    assert.deepEqual(typesOf(await eventsOf(nats, 'THROTTLES', identity)), [
      'throttles.imposed',
      'throttles.pardoned',
    ])
  })

  it('refuses bad input with OpenAI-shaped errors', async () => {
    const { key } = await newKey('e2e-bad')
    const call = async (path: string, init: { key?: string; body?: string }) => {
      const response = await fetch(system.connection.publicUrl + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${init.key ?? key}`, 'content-type': 'application/json' },
        body: init.body ?? '{}',
        dispatcher: trusted,
      })
      const { error } = (await response.json()) as { error: { code: string; message: string; type: string } }
      assert.ok(error.message.length > 0 && error.type.length > 0)
      return [response.status, error.code]
    }
    const chat = '/v1/chat/completions'
    assert.deepEqual(await call(chat, { body: '{"model":' }), [400, 'invalid_json'])
    assert.deepEqual(await call(chat, { key: `${key.slice(0, -1)}!` }), [401, 'invalid_api_key'])
    assert.deepEqual(await call('/nowhere', {}), [404, 'unknown_url'])
    assert.deepEqual(await call(chat, { body: `{"x":"${'x'.repeat(33 * 1024 * 1024)}"}` }), [
      413,
      'request_too_large',
    ])
  })

  it('never did in NATS what its users may not', async () => {
    const names = await readdir(join(system.dataDir, 'logs'))
    assert.ok(names.includes('gateway.log') && names.includes('nats-server.log'), names.join())
    for (const name of names) {
      const log = await readFile(join(system.dataDir, 'logs', name), 'utf8')
      assert.doesNotMatch(log, /permissions? violation/i, name)
    }
    assert.doesNotMatch(second?.output() ?? '', /permissions? violation/i)
  })

  it('stops, leaves no process, and keeps its data for the next start', async () => {
    await second?.stop('SIGTERM')
    second = undefined
    await nats[Symbol.asyncDispose]()
    const stoppedInMs = await system.start.stop('SIGTERM')
    assert.ok(stoppedInMs < STOP_LIMIT_MS, `stopped in ${Math.round(stoppedInMs)} ms`)
    assert.deepEqual(await processesOf(system.dataDir), [])
    const before = system.connection.apiKey
    await using again = await startSystem(system.dataDir, system.env)
    assert.equal(again.connection.apiKey, before)
    assert.ok((await ask(client(before, `${again.connection.publicUrl}/v1`))).choices.length > 0)
    const interrupted = await again.start.stop('SIGINT')
    assert.ok(interrupted < STOP_LIMIT_MS, `stopped in ${Math.round(interrupted)} ms`)
    assert.deepEqual(await processesOf(system.dataDir), [])
  })
})
