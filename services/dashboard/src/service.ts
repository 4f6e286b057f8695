import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import {
  BUCKETS,
  type EventMaker,
  eventMaker,
  GatewayNode,
  jsonParser,
  type Throttle,
} from '@fluxgate/contracts'
import {
  Bucket,
  connectNats,
  EventPublisher,
  GUARD_POLICY_KEYS,
  type NatsLink,
  NODE_TTL_MS,
  openPenaltyBox,
  openPolicyBook,
  type PenaltyBox,
} from '@fluxgate/nats'
import { type Database, openDatabase } from '@fluxgate/read-model'
import {
  ConfigError,
  createMetrics,
  failing,
  type Log,
  type ReadinessCheck,
  startStatusServer,
} from '@fluxgate/runtime'
import {
  createSessionVerifier,
  DEVICE_COOKIE,
  LOGGED_OUT_SUBJECT,
  PLAIN_COOKIE,
  PLAIN_DEVICE_COOKIE,
  SESSION_COOKIE,
} from '@fluxgate/session'
import { ulid } from 'ulid'
import { openPeople } from './accounts/users.pg.ts'
import type { DashboardConfig } from './config.ts'
import { openForensics } from './forensics/forensics.nats.ts'
import { openGatewayAdmin } from './gateway/admin.http.ts'
import { type AppParts, buildApp } from './http/server.http.ts'
import { shareFor } from './http/share.ts'
import { findIncidentView } from './incidents/incidents.pg.ts'
import { openOrders } from './incidents/orders.nats.ts'
import { RecentIncidents } from './incidents/recent-incidents.ts'
import { watchWhenThere } from './live/bucket-watch.nats.ts'
import { LiveFeed, type LogListener } from './live/feed.nats.ts'
import { LiveHub } from './live/hub.ts'
import { openViews } from './overview/overview.pg.ts'
import { openPolicies } from './policy/policies.nats.ts'
import { openAdmission } from './sessions/admission.pg.ts'
import { openDeadLetters } from './system/dead-letters.nats.ts'
import { postgresFault } from './system/readiness.pg.ts'
import { openLimits } from './usage/limits.nats.ts'
import { modelToTry } from './usage/model-to-try.pg.ts'
import { openOwnViews } from './usage/own.pg.ts'

export interface Dashboard extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

export interface DashboardOverrides {
  readonly nowMs?: () => number
  /** Where the built page is; by default where `npm run build` puts it. */
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
  overrides: DashboardOverrides = {},
): Promise<Dashboard> {
  await using stack = new AsyncDisposableStack()
  const nowMs = overrides.nowMs ?? Date.now
  const boot = randomBytes(6).toString('hex')
  const gatewayCa = await readCertificate(config.gatewayCaPath)
  const db = stack.use(
    openDatabase(config.databaseUrl, {
      applicationName: 'dashboard',
      max: MAX_CONNECTIONS,
      onConnectionError: error => log.warn({ err: error }, 'Postgres connection broke'),
    }),
  )
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'dashboard' }, log))
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker(`/dashboard/${boot}`, ulid, nowMs)
  const penaltyBox = openPenaltyBox(link, publisher, make)
  const parts = { config, log, nowMs, db, link, publisher, make, penaltyBox, gatewayCa }
  const onFault = (error: unknown) => log.error({ err: error }, 'a live page was ended')
  const picture = followLog(stack, parts, new LiveHub(boot, config.limits, nowMs(), onFault))

  const app = await buildApp(appParts(stack, parts, picture, overrides.pageDir ?? BUILT_PAGE))
  stack.defer(() => app.close())
  await app.listen({ host: config.host, port: config.port })
  stack.use(await startStatusServer(config.status, createMetrics('dashboard'), picture.checks))
  const { port } = app.server.address() as AddressInfo
  const owned = stack.move()
  return {
    port,
    url: `http://${config.host}:${port}`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

interface Parts {
  readonly config: DashboardConfig
  readonly log: Log
  readonly nowMs: () => number
  readonly db: Database
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly make: EventMaker
  readonly penaltyBox: PenaltyBox
  readonly gatewayCa: Buffer | undefined
}

/** What the log and the buckets say now. */
interface Picture {
  readonly hub: LiveHub
  readonly recent: RecentIncidents
  readonly liveNodes: () => GatewayNode[]
  readonly missing: () => Promise<Record<string, string>>
  /** Those of them that need no question to anybody. */
  readonly checks: Readonly<Record<string, ReadinessCheck>>
}

function followLog(stack: AsyncDisposableStack, parts: Parts, hub: LiveHub): Picture {
  const { config, log, nowMs, db, link, penaltyBox } = parts
  const recent = new RecentIncidents(config.limits.maxRecentIncidents)
  const onThrottle = (identity: string, throttle: Throttle | undefined) =>
    hub.throttle(identity, throttle, nowMs())
  const throttles = stack.use(watchWhenThere(link, penaltyBox.bucket, { onChange: onThrottle }, log))
  const nodeBucket = new Bucket(link, BUCKETS.nodes, jsonParser(GatewayNode))
  // The bucket forgets a node that stays silent, and says nothing about it: the reconcile finds out.
  const nodes = stack.use(watchWhenThere(link, nodeBucket, { reconcileMs: NODE_TTL_MS }, log))
  const listener: LogListener = {
    rewind: fromMs => hub.rewind(fromMs),
    event: (event, storedAtMs) => {
      recent.fold(event)
      hub.event(event, storedAtMs)
    },
    tick: atMs => hub.tick(atMs),
    feed: (connected, atMs) => hub.feed(connected, atMs),
  }
  const feed = stack.use(new LiveFeed(link, listener, config.limits, log))
  const checks = {
    nats: () => (link.isConnected() ? undefined : 'disconnected'),
    log: () => (feed.isLive() ? undefined : 'being read back'),
    throttles: () => (throttles.isThere() ? undefined : 'not there yet'),
  }
  return {
    hub,
    recent,
    liveNodes: () =>
      [...nodes.entries().values()]
        .filter(node => node.heartbeat > nowMs() - NODE_TTL_MS)
        .sort((a, b) => (a.node < b.node ? -1 : 1)),
    missing: async () => {
      const postgres = await postgresFault(db)
      return failing({ ...checks, postgres: () => postgres })
    },
    checks,
  }
}

function appParts(stack: AsyncDisposableStack, parts: Parts, picture: Picture, pageDir: string): AppParts {
  const { config, log, nowMs, db, link } = parts
  const { hub, recent } = picture
  const { limits, origin } = config
  const admission = openAdmission(db, createSessionVerifier({ publicKeys: config.sessionKeys, nowMs }), nowMs)
  const logouts = link.connection.subscribe(LOGGED_OUT_SUBJECT, {
    callback: (error, message) => {
      if (!error) admission.heard(message.data)
    },
  })
  stack.defer(() => logouts.unsubscribe())
  const isSecure = origin?.startsWith('https:') ?? false
  const cookieName = isSecure ? SESSION_COOKIE : PLAIN_COOKIE
  const deviceName = isSecure ? DEVICE_COOKIE : PLAIN_DEVICE_COOKIE
  const findIncident = (id: string) => findIncidentView(db, recent, id)
  const { maxThrottleMs, orderTimeoutMs: timeoutMs, listRows } = limits
  const admin = openGatewayAdmin({
    urls: config.gatewayAdminUrls,
    token: config.adminToken,
    timeoutMs: limits.adminTimeoutMs,
  })
  const throttleOf = (identity: string, atMs: number) => hub.throttleOf(identity, atMs)
  const policyBook = openPolicyBook(link, event => parts.publisher.publish(event), parts.make)
  const policy = async () => (await policyBook.get(GUARD_POLICY_KEYS.live))?.value ?? null
  const limitsOf = openLimits({ link, admin, throttleOf, nowMs, ageMs: limits.overviewAgeMs })
  return {
    ...limits,
    log,
    hub,
    nowMs,
    origin,
    allowed: config.allowed,
    pageDir,
    missing: picture.missing,
    admit: admission.admit,
    cookieName,
    cookieNames: [
      { browser: cookieName, gateway: SESSION_COOKIE },
      { browser: deviceName, gateway: DEVICE_COOKIE },
    ],
    gatewayUrl: config.gatewayUrl,
    forwardToken: config.forwardToken,
    trustedProxies: config.trustedProxies,
    gatewayPublicUrl: config.gatewayPublicUrl,
    gatewayCa: parts.gatewayCa,
    modelToTry: shareFor({ ageMs: limits.modelAgeMs, nowMs, version: () => 0 }, () =>
      modelToTry(db, nowMs(), config.model),
    ),
    views: openViews({ db, link, hub, recent, admin, limitsOf, liveNodes: picture.liveNodes, nowMs }, limits),
    ownViews: openOwnViews({ db, limitsOf, nowMs }),
    people: openPeople({ ...parts, admin, listRows }),
    forensics: openForensics({ db, link, nowMs, policy, requestsKeptMs: config.requestsKeptMs }, limits),
    deadLetters: openDeadLetters({ link, make: parts.make, listRows }),
    policies: openPolicies(link, policyBook),
    orders: openOrders({ ...parts, findIncident, timeoutMs, maxThrottleMs }),
  }
}

/** A gateway makes its certificate when it first starts, which may be at the same time. */
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
