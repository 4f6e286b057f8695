import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sendRaw } from '@fluxgate/gateway/testing'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createDatabase, freePort, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { type Command, runCommand } from '../../e2e/system.ts'
import { ASIDE, type ModelServer, startModelServer } from './model-server.ts'
import { LIMIT_MS } from './request.ts'

export const ADMIN_TOKEN = 'admin-token-for-attacks'
const ADMIN_TOKEN_DASHBOARD = 'dashboard-token-for-attacks'
const MCP_TOKEN = 'mcp-token-for-attacks'
const OPERATOR = { email: 'operator@attacks.example', password: 'a-long-enough-password' }
const WATCH = new URL('./prototype-watch.mjs', import.meta.url).href
/** What a face may take of memory while it is attacked. */
export const MAX_RSS_MIB = 1_024

export type ApiName = 'gateway' | 'portal' | 'admin' | 'mcp' | 'dashboard'

export interface Api {
  readonly port: number
  readonly tls: boolean
  /** Header lines of somebody who may come in. */
  readonly credentials: readonly string[]
}

/** The system under attack: its processes, and what is asked of them between two attacks. */
export interface Target extends AsyncDisposable {
  readonly apis: Readonly<Record<ApiName, Api>>
  readonly models: ModelServer
  readonly key: string
  /** Why the system is not well any more, or undefined: a call, every process, and their memory. */
  fault(): Promise<string | undefined>
  /** The most that a process took so far, in MiB. */
  peakMib(): number
  /** Names of the processes that have ended. */
  ended(): string[]
}

/**
 * Gateway, MCP server and dashboard as processes of their own, before a real log and a real database.
 * `settings` go before those that the attacks need.
 */
export async function startTarget(settings: Readonly<Record<string, string>> = {}): Promise<Target> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-attacks-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const models = stack.use(await startModelServer())
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  const db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  await db.destroy()
  const [publicPort, adminPort, mcpPort, dashboardPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ])
  const ports = { publicPort, adminPort, mcpPort, dashboardPort }
  const env = { ...environment(directory, ports, nats.url, databaseUrl, models.url), ...settings }
  const gateway = stack.use(
    runCommand('services/gateway/src/main.ts', {
      ...env,
      SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
      ADMIN_TOKEN,
      ADMIN_TOKEN_DASHBOARD,
    }),
  )
  await gateway.printed(/gateway listens/)
  const SESSION_PUBLIC_KEY = SESSION_KEYS.publicKey
  const mcp = stack.use(runCommand('services/mcp/src/main.ts', { ...env, SESSION_PUBLIC_KEY, MCP_TOKEN }))
  const dashboard = stack.use(
    runCommand('services/dashboard/src/main.ts', { ...env, SESSION_PUBLIC_KEY, ADMIN_TOKEN_DASHBOARD }),
  )
  await Promise.all([mcp, dashboard].map(each => each.printed(/"msg":"ready"/)))

  const key = await makeKey(adminPort)
  const cookie = await logIn(publicPort, dashboardPort)
  const bearer = (token: string) => `Authorization: Bearer ${token}`
  const commands = { gateway, mcp, dashboard }
  const watch = new Watch(commands, key, publicPort, adminPort, [mcpPort, dashboardPort])
  const owned = stack.move()
  return {
    models,
    key,
    apis: {
      gateway: { port: publicPort, tls: true, credentials: [bearer(key)] },
      portal: { port: publicPort, tls: true, credentials: [cookie.portal, 'Sec-Fetch-Site: same-origin'] },
      admin: { port: adminPort, tls: false, credentials: [bearer(ADMIN_TOKEN)] },
      mcp: {
        port: mcpPort,
        tls: false,
        credentials: [bearer(MCP_TOKEN), 'Accept: application/json, text/event-stream'],
      },
      dashboard: {
        port: dashboardPort,
        tls: false,
        credentials: [cookie.dashboard, 'Sec-Fetch-Site: same-origin'],
      },
    },
    peakMib: () => watch.peakMib,
    ended: () => watch.ended(),
    fault: () => watch.fault(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

interface Ports {
  readonly publicPort: number
  readonly adminPort: number
  readonly mcpPort: number
  readonly dashboardPort: number
}

function environment(
  directory: string,
  ports: Ports,
  natsUrl: string,
  databaseUrl: string,
  modelsUrl: string,
): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${WATCH}`,
    NATS_URL: natsUrl,
    DATABASE_URL: databaseUrl,
    FLUXGATE_DATA_DIR: directory,
    DOWNSTREAM_AI_URLS: modelsUrl,
    PUBLIC_HOST: '127.0.0.1',
    PUBLIC_PORT: String(ports.publicPort),
    ADMIN_PORT: String(ports.adminPort),
    MCP_PORT: String(ports.mcpPort),
    MCP_CALLS_PER_MINUTE: '1000000',
    MCP_CALL_BURST: '1000000',
    DASHBOARD_PORT: String(ports.dashboardPort),
    GATEWAY_URL: `https://localhost:${ports.publicPort}`,
    GATEWAY_ADMIN_URL: `http://127.0.0.1:${ports.adminPort}`,
    GATEWAY_CA_PATH: join(directory, 'tls', 'cert.pem'),
    REGISTRATION: 'open',
    OPERATOR_EMAIL: OPERATOR.email,
    OPERATOR_PASSWORD: OPERATOR.password,
    // What the corpus goes by.
    MAX_BODY_BYTES: '100000',
    // Whoever is slow is waited for.
    REQUEST_TIMEOUT: '4s',
    KEEP_ALIVE_TIMEOUT: '4s',
    WRITE_STALL_TIMEOUT: '2s',
    // A machine that is busy with attacking is no reason to refuse a call.
    MAX_LOOP_DELAY: '0',
  }
}

/** Looks whether the processes are well between two attacks. */
class Watch {
  peakMib = 0
  readonly #commands: Readonly<Record<string, Command>>
  readonly #key: string
  readonly #publicPort: number
  readonly #healthUrls: ReadonlyArray<readonly [port: number, path: string]>

  constructor(
    commands: Readonly<Record<string, Command>>,
    key: string,
    publicPort: number,
    adminPort: number,
    others: readonly number[],
  ) {
    this.#commands = commands
    this.#key = key
    this.#publicPort = publicPort
    this.#healthUrls = [[adminPort, '/admin/health'], ...others.map(port => [port, '/health'] as const)]
  }

  ended(): string[] {
    return Object.keys(this.#commands).filter(name => hasEnded(this.#commands[name]!))
  }

  async fault(): Promise<string | undefined> {
    for (const [name, command] of Object.entries(this.#commands)) {
      const mib = residentMib(command)
      if (mib === undefined) return `${name} ended: ${command.output().slice(-500)}`
      this.peakMib = Math.max(this.peakMib, mib)
      if (mib > MAX_RSS_MIB) return `${name} takes ${mib} MiB`
    }
    const limits = { quietMs: 1, limitMs: LIMIT_MS }
    const call = await sendRaw(this.#publicPort, goodCall(this.#key), { tls: true, ...limits })
    if (call.answers[0]?.status !== 200) return `a good call got ${call.answers[0]?.status}`
    for (const [port, path] of this.#healthUrls) {
      const { answers } = await sendRaw(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, limits)
      if (answers[0]?.status !== 200) return `${path} of port ${port} got ${answers[0]?.status}`
    }
    return undefined
  }
}

const CALL = '{"model":"m"}'
const goodCall = (key: string) =>
  `POST /v1/chat/completions${ASIDE} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${CALL.length}\r\n\r\n${CALL}`

/** A key in a tier without limits that an attack could run into, so that nothing is refused for its number. */
async function makeKey(adminPort: number): Promise<string> {
  const order = async (method: string, path: string, body: object) => {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as Record<string, unknown>
  }
  await order('PUT', '/admin/tiers/attack', {
    capacity: 1e12,
    refill_rate: 1e9,
    requests_per_minute: 1e9,
    concurrent_streams: 1e6,
  })
  const { api_key, key } = await order('POST', '/admin/keys/generate', {
    user_id: 'attacker',
    tier: 'attack',
  })
  return String(api_key ?? key)
}

/** Session cookies of the operator, as header lines: at the gateway's portal and at the dashboard. */
async function logIn(publicPort: number, dashboardPort: number) {
  const body = JSON.stringify(OPERATOR)
  const cookieFrom = async (port: number, tls: boolean) => {
    const { answers } = await sendRaw(
      port,
      `POST /portal/login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      { tls, quietMs: 1 },
    )
    const cookie = answers[0]?.headers['set-cookie']?.split(';')[0]
    if (cookie === undefined) throw new Error(`no session: ${JSON.stringify(answers[0])}`)
    return `Cookie: ${cookie}`
  }
  return { portal: await cookieFrom(publicPort, true), dashboard: await cookieFrom(dashboardPort, false) }
}

const hasEnded = ({ child }: Command) => child.exitCode !== null || child.signalCode !== null

function residentMib(command: Command): number | undefined {
  if (hasEnded(command)) return undefined
  const { child } = command
  const kib = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' }))
  return Math.round(kib / 1_024)
}
