import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  IncidentOpened,
  KeyCreated,
  LoginSucceeded,
  RequestAdmitted,
  RequestFailed,
  ThrottleImposed,
} from '@fluxgate/contracts'
import { createKey, createSession, createUser } from '@fluxgate/read-model'
import { createSessions } from '@fluxgate/session'
import { SESSION_KEYS } from '@fluxgate/testing'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ulid } from 'ulid'
import {
  admittedData,
  callTool,
  incidentRow,
  insertUsage,
  make,
  settled,
  startBench,
  type TestBench,
  TOKEN,
} from './test-bench.ts'
import { TOOLS } from './tools/index.ts'

const KEY = 'sk_live_plantedPLANTED0123456789abcdef'
const HASH = createHash('sha256').update(KEY).digest()
const READ_TOKEN = 'planted-read-token-0123'
const PASSWORD_HASH = '$argon2id$v=19$m=19456,t=2,p=1$cGxhbnRlZHNhbHQ$cGxhbnRlZGhhc2g'
const SESSION = 'planted-session-0123456789'
const EMAIL = 'planted@example.com'
const PROMPT = 'the planted words of a prompt'

/** Everything that may stand in no answer, in each form that it could leave in. */
const SECRETS: readonly string[] = [
  ...[KEY, TOKEN, READ_TOKEN, PASSWORD_HASH, SESSION, EMAIL, PROMPT],
  ...(['hex', 'base64', 'base64url'] as const).map(encoding => HASH.toString(encoding)),
  'cGxhbnRlZGhhc2g',
  ...[KEY, PROMPT, SESSION].map(text => btoa(text)),
]

describe('what is secret', () => {
  let bench: TestBench
  let client: Client
  let jwt: string
  const identity = { user: 'u1', key: 'k1' }
  const request = `req_${ulid()}`

  before(async () => {
    bench = await startBench({ MCP_READ_TOKEN: READ_TOKEN, SESSION_PUBLIC_KEY: SESSION_KEYS.publicKey })
    client = await bench.client()
    await plantAccounts()
    await plantFacts()
    await plantRows()
  })
  after(() => bench[Symbol.asyncDispose]())

  async function plantAccounts(): Promise<void> {
    const now = Date.now()
    await createUser(bench.db, { id: 'u1', email: EMAIL, passwordHash: PASSWORD_HASH, createdAt: now })
    const shown = { prefix: 'sk_live_', last4: 'cdef', name: 'a key', createdAt: now }
    await createKey(bench.db, { id: 'k1', userId: 'u1', hash: HASH, ...shown })
    const issued = await createSessions({ privateKey: SESSION_KEYS.privateKey }).issue({
      id: SESSION,
      user: 'u1',
      role: 'developer' as const,
    })
    jwt = issued.token
    const where = {
      userId: 'u1',
      createdAt: now,
      expiresAt: issued.expiresAt,
      address: '127.0.0.1',
      agent: 't',
    }
    await createSession(bench.db, { id: SESSION, ...where })
  }

  /** As a client would that puts its key in the wrong place, and an upstream that says it again. */
  async function plantFacts(): Promise<void> {
    const { publisher, link } = bench
    const admitted = admittedData(identity, request)
    await publisher.publish(
      make(RequestAdmitted, { ...admitted, model: KEY, path: `/v1/${KEY}`, agent: KEY }),
    )
    const failed = { phase: 'connect' as const, code: 'BAD_KEY', message: `no such key: ${KEY}`, status: 502 }
    const ending = { request, ...identity, model: KEY, upstream: 'sim', durationMs: 40, bytes: 9 }
    await publisher.publish(make(RequestFailed, { ...ending, ...failed }))
    await publisher.publish(settled(identity, request, 5_000, Date.now()))
    const login = { account: 'a'.repeat(32), address: '127.0.0.1', session: SESSION }
    await publisher.publish(make(LoginSucceeded, { ...identity, ...login }))
    await publisher.publish(make(KeyCreated, { ...identity, actor: 'u1', name: KEY, prefix: 'sk_live_' }))
    const limit = { capacity: 1, refillRate: 1, until: Date.now() + 600_000, rule: 'r', actor: 'guard' }
    await publisher.publish(make(ThrottleImposed, { ...identity, ...limit, reason: `sent ${KEY}` }))
    await publisher.publish(
      make(IncidentOpened, {
        incident: 'inc_00000001',
        ...identity,
        rule: 'r',
        severity: 'low',
        explanation: `saw ${KEY}`,
        numbers: {},
        evidence: [],
        action: 'throttled',
      }),
    )
    // What cannot be read, in the log and among the dead letters: its bytes are anything.
    link.connection.publish('fluxgate.tokens.00.settled.u1.k1', JSON.stringify({ prompt: PROMPT, key: KEY }))
    link.connection.publish('fluxgate.deadletter.TOKENS', JSON.stringify({ prompt: PROMPT, key: KEY }))
    await link.connection.flush()
  }

  async function plantRows(): Promise<void> {
    const now = new Date()
    const row = { request_id: request, user_id: 'u1', key_id: 'k1', state: 'failed' as const, at: now }
    await bench.db
      .insertInto('requests')
      .values({ ...row, model: KEY, agent: KEY, path: `/v1/${KEY}`, message: KEY, reason: jwt, status: 502 })
      .execute()
    const sums = { admitted: 1, refused: 0, completed: 0, failed: 1, interrupted: 0, settled: 1, bytes: 1 }
    const tokens = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    const times = { duration_ms_sum: 1, first_byte_ms_sum: 1, first_byte_count: 1 }
    const minute = new Date(Math.floor(now.getTime() / 60_000) * 60_000)
    const used = { minute, user_id: 'u1', key_id: 'k1', model: KEY, upstream: KEY }
    await insertUsage(bench.db, { ...used, ...sums, ...tokens, ...times })
    await bench.db
      .insertInto('incidents')
      .values({ ...incidentRow(1, now.getTime()), explanation: `saw ${KEY}` })
      .execute()
    const throttle = { capacity: 1, refill_rate: 1, rule: 'r', reason: KEY, actor: 'guard', imposed_at: now }
    await bench.db
      .insertInto('throttles')
      .values({
        id: 't1',
        user_id: 'u1',
        key_id: 'k1',
        state: 'active',
        ...throttle,
        until: now,
        sequence: 1,
      })
      .execute()
    const fact = { fact: 'login_succeeded', user_id: 'u1', key_id: 'portal', actor: KEY, reason: jwt }
    await bench.db
      .insertInto('auth_events')
      .values({
        event_id: 'a1',
        sequence: 1,
        at: now,
        ...fact,
        detail: JSON.stringify({ session: SESSION, name: KEY }),
      })
      .execute()
  }

  function assertClean(what: string, answer: unknown): void {
    const text = JSON.stringify(answer)
    for (const secret of [...SECRETS, jwt])
      assert.ok(!text.includes(secret), `${what} tells ${secret}: ${text}`)
  }

  /** Each tool with arguments that lead it to what was planted. */
  const ASKED: Record<string, object> = {
    get_gateway_metrics: {},
    usage_report: { by: 'model' },
    top_identities: {},
    query_requests: {},
    trace_request: { request },
    identity_timeline: { user: 'u1' },
    auth_events: {},
    get_security_incidents: {},
    get_incident: { incident: 'inc_00000001' },
    list_throttles: { identity: 'u1.k1', scope: 'all' },
    debug_guard_state: { identity: 'u1.k1' },
    stream_health: {},
    run_read_query: { sql: 'select * from requests' },
    state_at: { at: '0s' },
    what_if_policy: { policy: { rules: { contextFlood: { thresholdTokens: 100 } } } },
    verify_ledger: {},
    acknowledge_incident: { incident: 'inc_00000001', note: `he sent ${KEY}` },
    throttle_identity: { identity: 'u2.k2', capacity: 1, refillRate: 1, seconds: 60, reason: `sent ${KEY}` },
    pardon_identity: { identity: 'u2.k2', reason: `sent ${KEY}` },
    close_incident: { incident: 'inc_00000001', reason: `he sent ${KEY}` },
  }

  test('is in no answer of any tool, though each has met it', async () => {
    assert.deepEqual(Object.keys(ASKED).sort(), TOOLS.map(({ name }) => name).sort())
    let removed = 0
    for (const [name, args] of Object.entries(ASKED)) {
      const answer = await callTool(client, name, args)
      assert.equal(answer.isError, false, `${name}: ${answer.text}`)
      assertClean(name, answer)
      if (JSON.stringify(answer).includes('[removed: a secret]')) removed++
    }
    assert.ok(removed >= 12, `only ${removed} tools have met what was planted`)
  })

  test('is out of reach of questions in SQL, and not revealed by errors', async () => {
    for (const sql of [
      'select password_hash from users',
      'select hash from api_keys',
      'select * from sessions',
      'select email from users',
      'select detail from auth_events',
      "select pg_read_file('/etc/passwd')",
      'select current_setting($$fluxgate$$), rolpassword from pg_authid',
      `select '${KEY}' + 1`,
    ]) {
      const answer = await callTool(client, 'run_read_query', { sql })
      assert.ok(answer.isError, sql)
      assertClean(sql, answer)
    }
    const views = ['auth_events', 'users', 'incidents', 'throttles', 'usage_minutes', 'budget_crossings']
    for (const view of views) {
      assertClean(view, await callTool(client, 'run_read_query', { sql: `select * from ${view}` }))
    }
    for (const name of ['query_requests', 'identity_timeline', 'auth_events']) {
      assertClean(name, await callTool(client, name, { cursor: KEY, user: KEY, nonsense: KEY }))
    }
  })

  test('is in no resource, prompt, list or completion', async () => {
    const { resources } = await client.listResources()
    const uris = [
      ...resources.map(({ uri }) => uri),
      ...[
        'fluxgate://incidents/inc_00000001',
        'fluxgate://identities/u1.k1',
        `fluxgate://requests/${request}`,
      ],
    ]
    assert.ok(uris.length >= 5)
    for (const uri of uris) assertClean(uri, await client.readResource({ uri }))
    assertClean('resources', resources)
    assertClean('tools', await client.listTools())
    assertClean('prompts', await client.listPrompts())
    assertClean('instructions', [client.getInstructions(), client.getServerVersion()])
    const prompt = { name: 'investigate_incident', arguments: { incident: 'inc_00000001' } }
    assertClean('prompt', await client.getPrompt(prompt))
    for (const template of ['incidents', 'identities', 'requests']) {
      const ref = { type: 'ref/resource' as const, uri: `fluxgate://${template}/{id}` }
      const { completion } = await client.complete({ ref, argument: { name: 'id', value: '' } })
      assert.ok(completion.values.length > 0, template)
      assertClean(template, completion)
    }
  })

  test('is not revealed to refused callers, nor on the pages without a token', async () => {
    for (const path of [
      '/health',
      '/ready',
      '/mcp',
      '/.well-known/oauth-protected-resource/mcp',
      '/nothing',
    ]) {
      const headers = { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' }
      const answer = await fetch(
        new URL(path, bench.url),
        path === '/mcp' ? { method: 'POST', body: '{}', headers } : {},
      )
      assertClean(path, [await answer.text(), ...answer.headers])
    }
  })
})
