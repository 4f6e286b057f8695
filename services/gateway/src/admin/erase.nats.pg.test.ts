import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connectNats, type NatsLink } from '@fluxgate/nats'
import { asOf, type Database, openDatabase, runScript } from '@fluxgate/read-model'
import { eventually } from '@fluxgate/testing'
import { FORWARD_TOKEN_HEADER } from '../edge/client-address.ts'
import { startGateways, type TestGateways } from '../test/gateways.ts'

const silent = { info() {}, warn() {}, error() {} }
const FORWARD_TOKEN = 'forward-token-for-tests'
const EMAIL = 'erika@person.example'
const ADDRESS = '203.0.113.77'
const PASSWORD = 'plum wagon seldom quiet'
const mainOf = (service: string) => fileURLToPath(new URL(`../../../${service}/src/main.ts`, import.meta.url))

const stack = new AsyncDisposableStack()
let gateways: TestGateways
let link: NatsLink
let db: Database

before(async () => {
  gateways = stack.use(await startGateways(['one'], { FORWARD_TOKEN }))
  link = stack.use(await connectNats({ url: gateways.nats.url, name: 'test' }, silent))
  db = openDatabase(gateways.databaseUrl, { max: 2 })
  stack.defer(() => db.destroy())
  const projection = run('projection', [])
  stack.defer(async () => {
    const ended = once(projection, 'exit')
    if (projection.exitCode === null && projection.kill()) await ended
  })
})
after(() => stack.disposeAsync())

function run(service: string, args: readonly string[]) {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', mainOf(service), ...args], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: gateways.nats.url,
      DATABASE_URL: gateways.databaseUrl,
      METRICS_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

/** As the dashboard asks for a browser at `ADDRESS`. */
async function ask(method: string, path: string, credentials: Record<string, string>, body?: object) {
  const answer = await fetch(`http://127.0.0.1:${gateways.nodes[0]!.publicPort}${path}`, {
    method,
    headers: {
      'x-forwarded-for': ADDRESS,
      [FORWARD_TOKEN_HEADER]: FORWARD_TOKEN,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...credentials,
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const read = await answer.text()
  return { status: answer.status, cookie, body: read.startsWith('{') ? JSON.parse(read) : {} }
}

const call = (key: string) =>
  ask('POST', '/v1/chat/completions', { authorization: `Bearer ${key}` }, { model: 'm' })
const logIn = (password = PASSWORD) => ask('POST', '/portal/login', {}, { email: EMAIL, password })

/** The tables with a row that holds a text, and the streams with a message that does, in whatever case. */
async function foundIn(wanted: string): Promise<string[]> {
  const found: string[] = []
  const tables = (await runScript(
    db,
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  )) as Array<{ name: string }>
  assert.ok(tables.length > 15)
  for (const { name } of tables) {
    const rows = await runScript(
      db,
      `select 1 from ${name} as t where strpos(lower(t::text), lower('${wanted}')) > 0 limit 1`,
    )
    if (rows.length > 0) found.push(name)
  }
  const streams = await link.manager.streams.list().next()
  assert.ok(streams.length > 10)
  for (const { config, state } of streams) {
    const hit = await messagesOf(config.name, state.first_seq, state.last_seq)
    if (hit.some(message => message.includes(wanted.toLowerCase()))) found.push(config.name)
  }
  return found.sort()
}

/** Subject, headers and payload of each message that is stored. */
async function messagesOf(stream: string, first: number, last: number): Promise<string[]> {
  const messages: string[] = []
  for (let seq = Math.max(first, 1); seq <= last; seq++) {
    const message = await link.manager.streams.getMessage(stream, { seq }).catch(() => undefined)
    if (message)
      messages.push([message.subject, ...message.header, Buffer.from(message.data)].join('\n').toLowerCase())
  }
  return messages
}

async function untilProjected(): Promise<void> {
  await eventually(
    async () => {
      const positions = new Map((await asOf(db)).map(({ stream, sequence }) => [stream, sequence]))
      for (const stream of ['REQUESTS', 'TOKENS', 'AUTH']) {
        const { state } = await link.manager.streams.info(stream)
        assert.ok((positions.get(stream) ?? 0) >= state.last_seq, stream)
      }
    },
    { timeoutMs: 60_000 },
  )
}

describe('an erased person', () => {
  let user: string
  let key: string
  let cookie: string
  let hash: string

  before(async () => {
    const invited = await gateways.admin('POST', '/admin/invitations', { email: EMAIL.toUpperCase() })
    assert.equal(invited.status, 201)
    await ask('POST', '/portal/register', {}, { email: EMAIL, password: PASSWORD })
    await logIn('not the password')
    const session = await logIn()
    assert.equal(session.status, 200)
    cookie = session.cookie
    user = session.body.user.id
    key = (await ask('POST', '/portal/keys', { cookie }, { name: 'laptop' })).body.key
    for (let n = 0; n < 3; n++) assert.equal((await call(key)).status, 200)
    await eventually(async () => {
      const admitted = (await gateways.facts('REQUESTS', user)).filter(({ type }) =>
        type.endsWith('admitted'),
      )
      assert.equal(admitted.length, 3)
      hash = (admitted[0]!.data as { address: string }).address
    })
    await untilProjected()
  })

  test('is in no table and no stream by e-mail address or client address, and was before', async () => {
    assert.ok(hash.startsWith('a_'))
    assert.deepEqual(await foundIn(EMAIL), ['public.invitations', 'public.users'])
    assert.deepEqual(await foundIn(ADDRESS), ['KV_addresses'])
    assert.equal((await gateways.admin('GET', `/admin/addresses/${hash}`)).body.address, ADDRESS)

    const erased = await gateways.admin('POST', '/admin/users/erase', { user_id: user, reason: 'asked for' })
    assert.deepEqual([erased.status, erased.body], [200, { id: user, keys: 1, sessions: 1 }])
    await eventually(async () => {
      const types = (await gateways.facts('AUTH', user)).map(({ type }) => type)
      assert.equal(types.at(-1), 'fluxgate.auth.user_erased')
    })
    await untilProjected()
    for (const wanted of [EMAIL, ADDRESS]) assert.deepEqual(await foundIn(wanted), [], wanted)
    assert.equal((await gateways.admin('GET', `/admin/addresses/${hash}`)).status, 404)
    // The id stays in the log, and of the accounts in one table alone.
    const tables = (await foundIn(user)).filter(name => /users|api_keys|sessions|invitations/.test(name))
    assert.deepEqual(tables, ['public.erased_users'])
  })

  test('is refused with key, session and password, and the id is not given again', async () => {
    assert.equal((await call(key)).status, 401)
    assert.equal((await ask('GET', '/portal/me', { cookie })).status, 401)
    assert.equal((await logIn()).status, 401)
    const again = await gateways.admin('POST', '/admin/users', { user_id: user })
    assert.equal(again.status, 409)
  })

  test('leaves a log that verifies, with the sums in its tables', async () => {
    await untilProjected()
    const verify = run('../cli', ['verify', '--json'])
    const [lines, [code]] = await Promise.all([text(verify.stdout!), once(verify, 'exit')])
    const verdict = JSON.parse(lines.trim().split('\n').at(-1)!)
    assert.deepEqual([code, verdict.holds], [0, true], lines)
    const { inLog, inTables } = verdict.projected
    assert.deepEqual([inLog.settled, inTables.totalTokens], [3, 3 * 20])
    assert.deepEqual(inTables, inLog)
  })
})
