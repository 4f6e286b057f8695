import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectNats, type NatsLink } from '@fluxgate/nats'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog } from '@fluxgate/runtime'
import {
  createDatabase,
  freePort,
  mountSmallDisk,
  type PostgresServer,
  SESSION_KEYS,
  startPostgres,
} from '@fluxgate/testing'
import { startSimulator } from '../../local/src/simulator/simulator.ts'
import { type LogServers, startLogServers } from './log-servers.ts'
import { ServiceProcess } from './service-process.ts'

const ADMIN_TOKEN = 'admin-token-of-chaos'
const SERVICES = ['gateway', 'guard', 'projection', 'incident-reporter'] as const
const MIB = 1024 ** 2
const LATENCY_MS = 5
const TOKENS_PER_SECOND = 300
/** The gateway's disk, where one may be mounted; its spool has half of it at the most, as any spool should. */
const DISK_BYTES = 32 * MIB
const SPOOL_BYTES = DISK_BYTES / 2
/** Identities of steady callers, whom no limit stands in the way of. */
const IDENTITIES = ['ada', 'bob', 'cyd']

const FIXED = {
  GUARD_PRESET: 'strict',
  NODE_ID: 'chaos',
  SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
  ADMIN_TOKEN,
  PUBLIC_HOST: '127.0.0.1',
  TLS: 'off',
  // A busy machine is no reason to refuse a call here.
  MAX_LOOP_DELAY: '0',
  LOG_LEVEL: 'warn',
}

export type ServiceName = (typeof SERVICES)[number]

/** What a kind of stand is made of. */
export interface TestEnvKind {
  readonly servers: 1 | 3
  /** Bytes of the gateway's spool when not as many as usual here; the smallest that it takes is 4 MiB. */
  readonly spoolBytes?: number
  /** Of all streams and buckets together. */
  readonly storageBytes?: number
  /** JetStream's limit; REQUESTS and TOKENS have none of their own then. */
  readonly maxFileBytes?: number
}

/** The whole product on real servers, each service in a process of its own. */
export interface TestEnv extends AsyncDisposable {
  readonly log: LogServers
  readonly postgres: PostgresServer
  readonly databaseUrl: string
  readonly services: Readonly<Record<ServiceName, ServiceProcess>>
  /** For faults that the streams themselves are the place of. */
  readonly link: NatsLink
  readonly origin: string
  readonly keys: readonly string[]
  /** Where the gateway keeps its spool, when that is a small file system of its own. */
  readonly disk: string | undefined
  /** `<stream>:<sequence>` of what was published there as poison. */
  readonly poisoned: Set<string>
  readonly storageBytes: number
  /** A key of a new user, with the limits of its tier. */
  newKey(user: string): Promise<string>
  /** One more gateway on the folder of the first, not started yet; the caller stops it. */
  newNode(name: string): Promise<{ readonly process: ServiceProcess; readonly origin: string }>
  /** Calls that hold a place at the gateway's model servers. */
  inFlight(): Promise<number>
}

export async function startTestEnv(kind: TestEnvKind): Promise<TestEnv> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'fluxgate-chaos-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const disk = join(directory, 'data')
  mkdirSync(disk)
  const mounted = mountSmallDisk(disk, DISK_BYTES)
  if (mounted) stack.use(mounted)
  const log = stack.use(await startLogServers(kind.servers, kind.maxFileBytes))
  const postgres = stack.use(await startPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const models = stack.use(
    await startSimulator({ latencyMs: LATENCY_MS, tokensPerSecond: TOKENS_PER_SECOND }),
  )
  const link = stack.use(await connectNats({ url: log.url, name: 'chaos' }, createLog('chaos', 'silent')))
  if (kind.maxFileBytes !== undefined) await makeStreamsWithoutLimit(link)

  const storageBytes = kind.storageBytes ?? (kind.maxFileBytes === undefined ? 2048 * MIB : 64 * MIB)
  const [publicPort, adminPort] = [await freePort(), await freePort()]
  const env = {
    ...FIXED,
    NATS_URL: log.url,
    NATS_REPLICAS: String(kind.servers),
    NATS_STORAGE: `${storageBytes / MIB}MiB`,
    DATABASE_URL: databaseUrl,
    DOWNSTREAM_AI_URLS: models.url,
    OLLAMA_URL: models.url,
    PUBLIC_PORT: String(publicPort),
    ADMIN_PORT: String(adminPort),
    FLUXGATE_DATA_DIR: disk,
    SPOOL_BYTES: String(kind.spoolBytes ?? SPOOL_BYTES),
    // Killed services start again: each program is compiled once.
    NODE_COMPILE_CACHE: join(directory, 'compiled'),
  }
  const services = await startServices(stack, env)
  const admin = adminOf(adminPort)
  const newKey = async (user: string) => (await admin('keys/generate', { user_id: user })).key
  const keys = await makeKeys(admin)
  const newNode = async (name: string) => {
    const ports = [await freePort(), await freePort()]
    const own = { NODE_ID: name, PUBLIC_PORT: String(ports[0]), ADMIN_PORT: String(ports[1]) }
    return {
      process: new ServiceProcess('gateway', { ...env, ...own }),
      origin: `http://127.0.0.1:${ports[0]}`,
    }
  }
  const owned = stack.move()
  return {
    log,
    postgres,
    databaseUrl,
    services,
    link,
    keys,
    newKey,
    newNode,
    inFlight: () => inFlight(adminPort),
    storageBytes,
    disk: mounted ? disk : undefined,
    origin: `http://127.0.0.1:${publicPort}`,
    poisoned: new Set(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** So that JetStream's own limit is met, and not a stream's, which would drop its oldest. */
async function makeStreamsWithoutLimit(link: NatsLink): Promise<void> {
  const { streams } = link.manager
  for (const name of ['REQUESTS', 'TOKENS']) {
    await streams.add({ name, subjects: [`fluxgate.${name.toLowerCase()}.>`], duplicate_window: 30e9 })
  }
  await streams.add({ name: 'BALLAST', subjects: ['ballast'] })
}

function adminOf(port: number) {
  return async (path: string, body: object): Promise<{ key: string; id: string }> => {
    const response = await fetch(`http://127.0.0.1:${port}/admin/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { key: string; id: string }
  }
}

async function startServices(
  stack: AsyncDisposableStack,
  env: Record<string, string>,
): Promise<TestEnv['services']> {
  const service = (name: ServiceName) => stack.use(new ServiceProcess(name, env))
  const services = {
    gateway: service('gateway'),
    guard: service('guard'),
    projection: service('projection'),
    'incident-reporter': service('incident-reporter'),
  }
  // The gateway makes the streams.
  await services.gateway.start()
  await Promise.all([
    services.guard.start(),
    services.projection.start(),
    services['incident-reporter'].start(),
  ])
  return services
}

/** Keys of the steady callers, in limits that they never meet. */
async function makeKeys(admin: ReturnType<typeof adminOf>): Promise<string[]> {
  const keys: string[] = []
  for (const user of IDENTITIES) {
    const { key, id } = await admin('keys/generate', { user_id: user })
    await admin('rate_limit', {
      identifier: `${user}.${id}`,
      capacity: 1e12,
      refill_rate: 1e9,
      requests_per_minute: 1e12,
      concurrent_streams: 1e9,
    })
    keys.push(key)
  }
  return keys
}

async function inFlight(adminPort: number): Promise<number> {
  const url = `http://127.0.0.1:${adminPort}/admin/upstreams`
  const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  const { upstreams } = (await response.json()) as { upstreams: { inFlight: number }[] }
  return upstreams.reduce((sum, upstream) => sum + upstream.inFlight, 0)
}
