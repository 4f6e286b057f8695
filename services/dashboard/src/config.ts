import { DAY_MS, MINUTE_MS } from '@fluxgate/contracts'
import {
  type AllowedSources,
  type EnvReader,
  readAllowedSources,
  readModelName,
  readProxies,
  readRetentionMs,
  readStatusAddress,
  type StatusAddress,
} from '@fluxgate/runtime'
import { readVerifyingKey } from '@fluxgate/session'

export interface DashboardConfig {
  readonly host: string
  readonly port: number
  readonly status: StatusAddress
  /** Origin that browsers see where a proxy stands in front; absent: the host they asked, over plain HTTP. */
  readonly origin: string | undefined
  /** Addresses, networks, or `loopback`: proxies in front of this dashboard, whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** As the gateways have it: they believe the address that this dashboard says it asks for. */
  readonly forwardToken: string | undefined
  /** Names that browsers may ask for; another is a page that has rebound its own to this address. */
  readonly allowed: AllowedSources
  readonly natsUrl: string
  readonly databaseUrl: string
  /** Verify sessions; during a rotation there are two. */
  readonly sessionKeys: readonly string[]
  readonly gatewayUrl: string
  /** The gateways' admin faces: one URL each, or one whose name has an address for each. */
  readonly gatewayAdminUrls: readonly string[]
  /** Absent: upstreams, bucket levels, users and keys are not to be had here. */
  readonly adminToken: string | undefined
  /** What developers are told to send their requests to. */
  readonly gatewayPublicUrl: string
  /** What developers are told to try while no model has been asked. */
  readonly model: string
  /** Certificate that vouches for the gateway's; absent: the system's authorities. */
  readonly gatewayCaPath: string | undefined
  /** How long the projection keeps rows of requests. */
  readonly requestRetentionMs: number
  readonly limits: DashboardLimits
}

/** Of the live picture and the connections that get it. */
export interface LiveLimits {
  /** Seconds older than this are forgotten. */
  readonly historyMs: number
  /** A request that has not ended after this long no longer counts as active: its node is taken to be gone. */
  readonly maxActiveMs: number
  /** Requests remembered as active, at the most. */
  readonly maxActive: number
  /** Frames are stored for this long, and this many of them, for pages that come back. */
  readonly maxAgeMs: number
  readonly maxFrames: number
  /** What a fresh page gets of the past. */
  readonly freshMs: number
  readonly maxClients: number
  /** A page that leaves this much unread is dropped; it comes back and gets what it missed. */
  readonly maxClientBytes: number
  readonly retryMs: number
}

/** Of questions to the log. */
export interface ForensicsLimits {
  /** Events looked at for one page of the list, and how long that may take. */
  readonly pageScanned: number
  readonly pageMs: number
  /** Events of each stream looked at for one request. */
  readonly traceScanned: number
  /** Rows of each list of an answer; all are counted. */
  readonly forensicsRows: number
  readonly maxViolations: number
  /** Answers about past moments that are kept: the past does not change. */
  readonly maxCachedAnswers: number
  /** Readings of the log at once, and how long one of them may take. */
  readonly maxJobs: number
  readonly jobMs: number
  readonly maxTails: number
}

export interface DashboardLimits extends LiveLimits, ForensicsLimits {
  readonly maxBodyBytes: number
  /** To receive a whole request; an answer has its own limits. */
  readonly requestTimeoutMs: number
  /** The log is read back at most this many events of a stream when the history is made. */
  readonly maxReplayEvents: number
  readonly heartbeatMs: number
  /** How often an open live connection's session is looked at again. */
  readonly sessionCheckMs: number
  /** An order that the log has not confirmed by then is told as not confirmed. */
  readonly orderTimeoutMs: number
  readonly portalTimeoutMs: number
  /** Of one question to a gateway's admin face; orders there wait this long for the log. */
  readonly adminTimeoutMs: number
  /** Of the look at each request of a range, to tell the nodes apart. */
  readonly nodeUsageTimeoutMs: number
  /** How far back the shadow policy's findings are shown, and how many. */
  readonly shadowedMs: number
  readonly shadowedRows: number
  /** For the playground's models: to the first byte, and between two pieces. */
  readonly modelTimeoutMs: number
  /** One answer serves all who ask for the overview within this time. */
  readonly overviewAgeMs: number
  readonly modelAgeMs: number
  readonly listRows: number
  readonly maxRecentIncidents: number
  readonly maxThrottleMs: number
}

const MIN_TOKEN_BYTES = 16
/** What earlier versions gave this service too. */
const FORMER_TOKEN = `ADMIN_TOKEN`

/** Environment of the dashboard (contract: design, section 5). */
export function readDashboardConfig(env: EnvReader): DashboardConfig {
  const gatewayUrl = originOf(env.url('GATEWAY_URL', ['http:', 'https:'], 'https://127.0.0.1:8443'))
  const origin = env.optional('DASHBOARD_ORIGIN')
  if (origin !== undefined && originOf(origin) !== origin) {
    env.fault('DASHBOARD_ORIGIN must be an origin such as https://ops.example.com, without a path')
  }
  const host = env.text('DASHBOARD_HOST', '127.0.0.1')
  return {
    host,
    port: env.port('DASHBOARD_PORT', 3_000),
    status: readStatusAddress(env),
    origin,
    trustedProxies: readProxies(env, 'DASHBOARD_TRUSTED_PROXIES'),
    forwardToken: env.optional('FORWARD_TOKEN') && env.secret('FORWARD_TOKEN', MIN_TOKEN_BYTES),
    allowed: readAllowedSources(
      env,
      { hosts: 'DASHBOARD_ALLOWED_HOSTS', origins: 'DASHBOARD_ALLOWED_ORIGINS' },
      { host, origins: origin === undefined ? [] : [origin] },
    ),
    natsUrl: env.text('NATS_URL'),
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    sessionKeys: sessionKeys(env),
    gatewayUrl,
    gatewayAdminUrls: adminUrls(env),
    adminToken: adminToken(env),
    gatewayPublicUrl: originOf(env.url('GATEWAY_PUBLIC_URL', ['http:', 'https:'], gatewayUrl)),
    model: readModelName(env),
    gatewayCaPath: env.optional('GATEWAY_CA_PATH'),
    requestRetentionMs: readRetentionMs(env),
    limits: {
      ...DEFAULT_LIMITS,
      requestTimeoutMs: env.durationMs('REQUEST_TIMEOUT', DEFAULT_LIMITS.requestTimeoutMs),
    },
  }
}

export const DEFAULT_LIMITS: DashboardLimits = Object.freeze({
  historyMs: 10 * MINUTE_MS,
  freshMs: 5 * MINUTE_MS,
  maxActiveMs: 15 * MINUTE_MS,
  maxActive: 200_000,
  maxAgeMs: 10 * MINUTE_MS,
  maxFrames: 20_000,
  maxClients: 500,
  maxClientBytes: 1024 * 1024,
  retryMs: 1_000,
  maxBodyBytes: 64 * 1024,
  requestTimeoutMs: 15_000,
  maxReplayEvents: 500_000,
  heartbeatMs: 15_000,
  sessionCheckMs: 5_000,
  orderTimeoutMs: 5_000,
  portalTimeoutMs: 30_000,
  adminTimeoutMs: 6_000,
  nodeUsageTimeoutMs: 2_000,
  shadowedMs: 7 * 24 * 60 * MINUTE_MS,
  shadowedRows: 500,
  modelTimeoutMs: 300_000,
  overviewAgeMs: 1_000,
  modelAgeMs: MINUTE_MS,
  listRows: 50,
  maxRecentIncidents: 500,
  maxThrottleMs: 31 * DAY_MS,
  pageScanned: 200_000,
  pageMs: 4_000,
  traceScanned: 500_000,
  forensicsRows: 200,
  maxViolations: 500,
  maxCachedAnswers: 16,
  maxJobs: 4,
  jobMs: 5 * MINUTE_MS,
  maxTails: 50,
})

function adminUrls(env: EnvReader): string[] {
  const urls = env.urls('GATEWAY_ADMIN_URL', ['http:', 'https:'])
  return urls.length > 0 ? urls.map(originOf) : ['http://127.0.0.1:9090']
}

function sessionKeys(env: EnvReader): string[] {
  const keys = [readVerifyingKey(env, 'SESSION_PUBLIC_KEY')]
  if (env.optional('SESSION_PUBLIC_KEY_OTHER') !== undefined) {
    keys.push(readVerifyingKey(env, 'SESSION_PUBLIC_KEY_OTHER'))
  }
  return keys
}

/** Not the operator's: this one opens the routes of the admin face that the dashboard asks, and no others. */
function adminToken(env: EnvReader): string | undefined {
  const given = env.optional('ADMIN_TOKEN_DASHBOARD')
  if (given === undefined && env.optional(FORMER_TOKEN) !== undefined) {
    env.fault(
      'ADMIN_TOKEN is of operators alone. Set ADMIN_TOKEN_DASHBOARD to a token of its own, here and at the gateways, and ' +
        'remove ADMIN_TOKEN here',
    )
  }
  return given && env.secret('ADMIN_TOKEN_DASHBOARD', MIN_TOKEN_BYTES)
}

function originOf(url: string): string {
  return URL.parse(url)?.origin ?? url
}
