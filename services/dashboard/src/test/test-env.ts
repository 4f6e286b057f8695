import { type EventMaker, eventMaker, GatewayNode, jsonParser, LoggedOut } from '@fluxgate/contracts'
import { Bucket, connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { openPenaltyBox } from '@fluxgate/operations'
import { createUser, type Database, migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, LOOPBACK_HOSTS } from '@fluxgate/runtime'
import {
  createDatabase,
  eventually,
  freePort,
  type NatsServer,
  SESSION_KEYS,
  startNatsServer,
  testNats,
  testPostgres,
} from '@fluxgate/testing'
import { ulid } from 'ulid'
import { type DashboardConfig, DEFAULT_LIMITS } from '../config.ts'
import { type Dashboard, startDashboard } from '../service.ts'
import { ADMIN_TOKEN } from './fake-admin.ts'
import { type FakeGateway, startFakeGateway } from './fake-gateway.ts'
import { Traffic } from './traffic.ts'

export const FORWARD_TOKEN = 'a token that the gateway knows'
export const PASSWORD = 'correct horse'
export const OPERATOR = { id: 'u_olga', email: 'olga@example.com', role: 'operator' } as const
export const DEVELOPER = { id: 'u_dave', email: 'dave@example.com', role: 'developer' } as const

/** A NATS server, a Postgres, a fake of the gateway's portal, and the dashboard on top. */
export interface TestEnv extends AsyncDisposable {
  readonly nats: NatsServer
  readonly link: NatsLink
  readonly db: Database
  readonly make: EventMaker
  readonly publisher: EventPublisher
  readonly penaltyBox: ReturnType<typeof openPenaltyBox>
  readonly nodes: Bucket<GatewayNode>
  readonly traffic: Traffic
  readonly gateway: FakeGateway
  readonly url: string
  /** Environment of a dashboard in a process of its own, on the same port and over the same log and tables. */
  readonly processEnv: Readonly<Record<string, string>>
  /** Starts the dashboard on the port that it keeps, and waits until it is ready. */
  up(): Promise<void>
  down(): Promise<void>
}

export interface TestEnvOptions {
  readonly pageDir?: string
  /** A nats-server that the test stops. */
  readonly ownNats?: boolean
  readonly limits?: Partial<DashboardConfig['limits']>
}

const log = createLog('test', 'silent')

const FIXED = {
  host: '127.0.0.1',
  origin: undefined,
  allowed: { hosts: new Set(LOOPBACK_HOSTS), origins: new Set<string>() },
  status: { host: '127.0.0.1', port: undefined },
  sessionKeys: [SESSION_KEYS.publicKey],
  gatewayPublicUrl: 'https://gateway.example:8443',
  adminToken: ADMIN_TOKEN,
  gatewayCaPath: undefined,
  trustedProxies: ['127.0.0.1'],
  forwardToken: FORWARD_TOKEN,
  requestRetentionMs: 30 * 86_400_000,
  model: 'sim-small',
} as const

export async function startTestEnv(options: TestEnvOptions = {}): Promise<TestEnv> {
  await using stack = new AsyncDisposableStack()
  const nats = stack.use(await (options.ownNats ? startNatsServer() : testNats()))
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = stack.use(openDatabase(databaseUrl))
  await migrateToLatest(db)
  for (const user of [OPERATOR, DEVELOPER]) await createUser(db, { ...user, createdAt: Date.now() })
  const link = stack.use(await connectNats({ url: nats.url, name: 'test-env' }, log))
  await ensureTopology(link)
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker('/gateway/gw-a/1', ulid, Date.now)
  const gateway = stack.use(
    await startFakeGateway(db, SESSION_KEYS.privateKey, (user, session) =>
      publisher.append(make(LoggedOut, { user, key: 'portal', session, address: '127.0.0.1' })),
    ),
  )

  const port = await freePort()
  const config: DashboardConfig = {
    ...FIXED,
    port,
    natsUrl: nats.url,
    databaseUrl,
    gatewayUrl: gateway.url,
    gatewayAdminUrls: [gateway.url],
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  }
  const url = `http://127.0.0.1:${port}`
  const processEnv = {
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    SESSION_PUBLIC_KEY: SESSION_KEYS.publicKey,
    GATEWAY_URL: gateway.url,
    GATEWAY_ADMIN_URL: gateway.url,
    ADMIN_TOKEN_DASHBOARD: ADMIN_TOKEN,
    DASHBOARD_PORT: String(port),
    LOG_LEVEL: 'error',
  }
  let dashboard: Dashboard | undefined
  const env = {
    nats,
    link,
    db,
    make,
    publisher,
    gateway,
    url,
    processEnv,
    penaltyBox: openPenaltyBox(link, publisher, make),
    nodes: new Bucket(link, 'nodes', jsonParser(GatewayNode)),
    traffic: new Traffic(publisher),
    async up() {
      const { pageDir } = options
      dashboard = await startDashboard(config, log, pageDir === undefined ? {} : { pageDir })
      await eventually(async () => (await fetch(`${url}/ready`)).status === 200)
    },
    async down() {
      await dashboard?.[Symbol.asyncDispose]()
      dashboard = undefined
    },
  }
  stack.defer(() => env.down())
  await env.up()
  const owned = stack.move()
  return { ...env, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Logs in over HTTP; returns the cookie to send. */
export async function logIn(env: TestEnv, email: string): Promise<string> {
  const response = await fetch(`${env.url}/portal/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: env.url, 'sec-fetch-site': 'same-origin' },
    body: JSON.stringify({ email, password: PASSWORD }),
  })
  if (!response.ok) throw new Error(`login: ${response.status} ${await response.text()}`)
  return response.headers.getSetCookie()[0]!.split(';', 1)[0]!
}
