import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { eventMaker } from '@fluxgate/contracts'
import { connectNats, EventPublisher } from '@fluxgate/nats'
import { openPenaltyBox } from '@fluxgate/operations'
import { openDatabase } from '@fluxgate/read-model'
import { ConfigError, createMetrics, failing, type Log, startStatusServer } from '@fluxgate/runtime'
import { ulid } from 'ulid'
import type { DashboardConfig } from './config.ts'
import { openGatewayAdmin } from './gateway/index.ts'
import { createServer, servePage, statusRoutes } from './http/index.ts'
import { RecentIncidents } from './incidents/index.ts'
import { startLive } from './live/index.ts'
import { addRoutes } from './routes.ts'
import { openSessions } from './sessions/index.ts'
import { postgresError } from './system/index.ts'
import { openLimits } from './usage/index.ts'

export interface Dashboard extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

export interface DashboardOverrides {
  readonly nowMs?: () => number
  /** Directory of the built page; by default where `npm run build` writes it. */
  readonly pageDir?: string
}

const BUILT_PAGE = fileURLToPath(new URL('../dist', import.meta.url))
const MAX_CONNECTIONS = 6
const CERTIFICATE_WAIT_MS = 10_000
const CERTIFICATE_POLL_MS = 200

/** Serves the dashboard until disposed. */
export async function startDashboard(
  config: DashboardConfig,
  log: Log,
  { nowMs = Date.now, pageDir = BUILT_PAGE }: DashboardOverrides = {},
): Promise<Dashboard> {
  await using stack = new AsyncDisposableStack()
  const { limits, host } = config
  const gatewayCa = await readCertificate(config.gatewayCaPath)
  const onConnectionError = (error: Error) => log.warn({ err: error }, 'Postgres connection broke')
  const pool = { applicationName: 'dashboard', max: MAX_CONNECTIONS, onConnectionError }
  const db = stack.use(openDatabase(config.databaseUrl, pool))
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'dashboard' }, log))
  const publisher = stack.use(new EventPublisher(link))
  const boot = randomBytes(6).toString('hex')
  const make = eventMaker(`/dashboard/${boot}`, ulid, nowMs)
  const penaltyBox = openPenaltyBox(link, publisher, make)

  const recent = new RecentIncidents(limits.maxRecentIncidents)
  const live = stack.use(
    startLive({ link, penaltyBox, boot, limits, nowMs, log, onEvent: event => recent.fold(event) }),
  )
  const { hub, liveNodes, checks } = live
  const sessions = stack.use(
    openSessions({ db, link, publicKeys: config.sessionKeys, origin: config.origin, nowMs }),
  )
  const admin = openGatewayAdmin({
    urls: config.gatewayAdminUrls,
    token: config.adminToken,
    timeoutMs: limits.adminTimeoutMs,
  })
  const throttleOf = (identity: string, atMs: number) => hub.throttleOf(identity, atMs)
  const limitsOf = openLimits({ link, admin, throttleOf, nowMs, ageMs: limits.overviewAgeMs })

  const app = await createServer({ ...config, ...limits, log })
  stack.defer(() => app.close())
  statusRoutes(app, async () => {
    const postgres = await postgresError(db)
    return failing({ ...checks, postgres: () => postgres })
  })
  const sources = { config, db, link, publisher, make, penaltyBox, gatewayCa, sessions, admin, limitsOf }
  await addRoutes(app, { ...sources, hub, recent, liveNodes, nowMs })
  await servePage(app, pageDir)
  await app.listen({ host, port: config.port })
  stack.use(await startStatusServer(config.status, createMetrics('dashboard'), checks))
  const { port } = app.server.address() as AddressInfo
  const owned = stack.move()
  return { port, url: `http://${host}:${port}`, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A gateway writes its certificate when it first starts, which may be at the same time. */
async function readCertificate(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  for (let waitedMs = 0; ; waitedMs += CERTIFICATE_POLL_MS) {
    try {
      return await readFile(path)
    } catch (cause) {
      if (waitedMs >= CERTIFICATE_WAIT_MS) {
        throw new ConfigError([`GATEWAY_CA_PATH cannot be read: ${(cause as Error).message}`])
      }
    }
    await new Promise(done => setTimeout(done, CERTIFICATE_POLL_MS))
  }
}
