import {
  type EventMaker,
  eventMaker,
  type Identity,
  type OutgoingEvent,
  type RequestAdmitted,
  TokensSettled,
} from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type LinkLog, type NatsLink } from '@fluxgate/nats'
import { type Database, migrateToLatest, type NewRow, openDatabase, runScript } from '@fluxgate/read-model'
import { readConfig } from '@fluxgate/runtime'
import {
  createDatabase,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
  testNats,
  testPostgres,
} from '@fluxgate/testing'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ulid } from 'ulid'
import { readMcpConfig } from './config.ts'
import { type Mcp, type McpOverrides, startMcp } from './service.ts'

export const silent: LinkLog = { info() {}, warn() {}, error() {} }
export const TOKEN = 'operator-token-of-the-tests'

/** A log, tables and a server over them: what the tests of the whole service start from. */
export interface TestBench extends AsyncDisposable {
  readonly nats: NatsServer
  readonly postgres: PostgresServer
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly db: Database
  readonly mcp: Mcp
  readonly url: URL
  readonly env: Record<string, string>
  /** A client of the SDK over Streamable HTTP. */
  client(token?: string): Promise<Client>
}

export async function startBench(
  settings: Record<string, string> = {},
  overrides: McpOverrides = {},
  /** For tests that stop them. */
  { ownServers = false } = {},
): Promise<TestBench> {
  await using stack = new AsyncDisposableStack()
  const [nats, postgres] = await Promise.all(
    ownServers ? [startNatsServer(), startPostgres()] : [testNats(), testPostgres()],
  )
  stack.use(nats)
  stack.use(postgres)
  const databaseUrl = await createDatabase(postgres)
  const reader = `reader_${databaseUrl.split('_').at(-1)}`
  const db = stack.use(openDatabase(databaseUrl))
  await migrateToLatest(db)
  await runScript(db, `create user ${reader} in role fluxgate_mcp_reader`)
  const link = stack.use(await connectNats({ url: nats.url, name: 'test' }, silent))
  await ensureTopology(link)
  const publisher = stack.use(new EventPublisher(link))
  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    MCP_READ_DATABASE_URL: databaseUrl.replace('postgres@', `${reader}@`),
    MCP_PORT: '0',
    MCP_TOKEN: TOKEN,
    ...settings,
  }
  const mcp = stack.use(await startMcp(readConfig(env, readMcpConfig), silent, overrides))
  const url = new URL(`http://127.0.0.1:${mcp.port}/mcp`)
  const owned = stack.move()
  return {
    nats,
    postgres,
    link,
    publisher,
    db,
    mcp,
    url,
    env,
    async client(token = TOKEN) {
      const client = new Client({ name: 'test', version: '1' })
      const headers = { authorization: `Bearer ${token}` }
      const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers } })
      await client.connect(transport as Transport)
      owned.defer(() => client.close())
      return client
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export interface ToolAnswer {
  readonly isError: boolean
  readonly text: string
  readonly data: Record<string, unknown>
}

export async function callTool(client: Client, name: string, args: object = {}): Promise<ToolAnswer> {
  const result = await client.callTool({ name, arguments: { ...args } })
  const content = result.content as Array<{ type: string; text: string }>
  return {
    isError: result.isError === true,
    text: content.map(({ text }) => text).join('\n'),
    data: (result.structuredContent ?? {}) as Record<string, unknown>,
  }
}

/** All rows of a list, page by page to its end. */
export async function pages(
  client: Client,
  name: string,
  args: object,
  list: string,
): Promise<Array<Record<string, unknown>>> {
  const rows: Array<Record<string, unknown>> = []
  let cursor: string | undefined
  do {
    const page = await callTool(client, name, { ...args, ...(cursor === undefined ? {} : { cursor }) })
    if (page.isError) throw new Error(page.text)
    rows.push(...(page.data[list] as typeof rows))
    cursor = page.data.nextCursor as string | undefined
  } while (cursor !== undefined)
  return rows
}

export const make: EventMaker = eventMaker('/test/1', ulid, Date.now)

export function admittedData(
  identity: Identity,
  request: string,
): Parameters<typeof make<typeof RequestAdmitted>>[1] {
  return {
    request,
    ...identity,
    tier: 'free',
    dialect: 'openai',
    method: 'POST',
    path: '/v1/chat/completions',
    model: 'm',
    stream: true,
    address: '127.0.0.1',
    promptChars: 10,
    promptEstimate: 3,
    reserved: 259,
  }
}

export function settled(identity: Identity, request: string, total: number, timeMs: number): OutgoingEvent {
  return make(
    TokensSettled,
    {
      request,
      ...identity,
      tier: 'free',
      refillRate: 100,
      model: 'm',
      upstream: 'sim',
      usage: { input: 0, output: total },
      total,
      reserved: 259,
      progressed: 0,
      source: 'reported',
    },
    { timeMs },
  )
}

export function incidentRow(n: number, openedAtMs: number): NewRow<'incidents'> {
  return {
    id: `inc_0000000${n}`,
    user_id: 'u1',
    key_id: 'k1',
    rule: 'context_flood',
    severity: 'high',
    state: n === 1 ? 'opened' : 'closed',
    explanation: `incident ${n}`,
    action: 'throttled',
    sequence: n,
    numbers: '{"tokens": 812}',
    evidence: '[{"stream": "TOKENS", "sequence": 3}]',
    opened_at: new Date(openedAtMs),
  }
}

/** Usage as the projection puts it into the tables: of its minute, its hour and its day. */
export async function insertUsage(db: Database, row: NewRow<'usage_minutes'>): Promise<void> {
  const { minute, ...sums } = row
  const startOf = (lengthMs: number) => {
    const at = new Date(minute as Date).getTime()
    return new Date(at - (at % lengthMs))
  }
  await db.insertInto('usage_minutes').values(row).execute()
  await db
    .insertInto('usage_hours')
    .values({ hour: startOf(3_600_000), ...sums })
    .execute()
  await db
    .insertInto('usage_days')
    .values({ day: startOf(86_400_000), ...sums })
    .execute()
}
