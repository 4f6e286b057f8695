import { randomBytes } from 'node:crypto'
import { type EnvReader, type LogStorage, readLogStorage, readProxies } from '@fluxgate/runtime'
import { readSigningKey, readVerifyingKey } from '@fluxgate/session'
import { parseRegistrationMode, type RegistrationMode } from './core/accounts/registration-mode.ts'
import type { BudgetLimits } from './core/budgets/limits.ts'
import { DEFAULT_DNS_ACCESS, type DnsAccess, parseDnsAccess } from './core/dns/access.ts'
import { type Override, parseOverrides } from './core/dns/overrides.ts'
import { parseUpstreams, type UpstreamAddress } from './core/dns/upstream-list.ts'
import { unpassable } from './core/exchange/headers.ts'
import type { EstimateLimits } from './core/limits/estimate.ts'
import { parseExtraRoutes } from './core/routes/extra-routes.ts'
import type { Route } from './core/routes/route-table.ts'
import type { UpstreamDefaults } from './core/routing/upstream-spec.ts'
import type { CountLimits } from './core/usage/count.ts'
import type { AdminTokens } from './in/admin/authorize.ts'
import type { DrainLimits } from './in/drain.ts'
import type { EdgeLimits } from './in/edge/limits.ts'
import { readOidcConfig } from './oidc-config.ts'
import type { OidcConfig } from './out/oidc/open-callers.ts'
import type { TelemetryConfig } from './out/telemetry.ts'
import type { UpstreamsFileConfig } from './out/upstreams/upstreams.ts'
import { readTracingConfig } from './tracing-config.ts'

export interface GatewayConfig {
  readonly node: string
  readonly natsUrl: string
  readonly logStorage: LogStorage
  readonly databaseUrl: string
  readonly dataDir: string
  readonly publicHost: string
  readonly publicPort: number
  /** Further nodes of this machine may listen on the public port; the system spreads connections over them. */
  readonly reusePort: boolean
  /** Address that this node tells the others and DNS clients. */
  readonly advertiseAddress: string
  readonly adminHost: string
  readonly adminPort: number
  readonly adminTokens: AdminTokens
  readonly sessionKeys: SessionKeys
  /** An issuer whose tokens are taken beside our own. */
  readonly oidc: OidcConfig | undefined
  readonly upstreamUrls: readonly string[]
  readonly upstreamsFile: UpstreamsFileConfig | undefined
  /** Calls that may leave the node besides the table of routes. */
  readonly extraRoutes: readonly Route[]
  /** Request headers that pass to model servers besides the lists of the dialects; lower case. */
  readonly forwardHeaders: readonly string[]
  readonly tls: boolean
  /** Addresses, networks, or `loopback`: whose `X-Forwarded-For` tells the caller's address. */
  readonly trustedProxies: readonly string[]
  /** Who shows it may say for which address it asks; the dashboard does. */
  readonly forwardToken: string | undefined
  /** Who may register; undefined: open until there is an operator, by invitation from then on. */
  readonly registration: RegistrationMode | undefined
  /** Whose pages may call models from a browser. */
  readonly corsOrigins: readonly string[]
  readonly tlsFiles: { certPath: string; keyPath: string } | undefined
  readonly clusterDomain: string
  readonly dohUpstreams: readonly UpstreamAddress[]
  readonly dohOverrides: readonly Override[]
  readonly dohAccess: DnsAccess
  readonly operator: { email: string; password: string } | undefined
  readonly spool: {
    readonly maxBytes: number
    readonly fsync: 'off' | 'commit'
    /** An acknowledged event is kept in memory for so long, and sent again when NATS was away meanwhile. */
    readonly retainAfterAckMs: number
    /** How often it is looked for the spools of dead nodes in the data directory. */
    readonly lookEveryMs: number
  }
  readonly telemetry: TelemetryConfig
  readonly limits: GatewayLimits
}

export interface SessionKeys {
  readonly privateKey: string
  /** Verifies too, during a rotation. */
  readonly publicKeys: readonly string[]
}

export interface GatewayLimits
  extends EdgeLimits,
    DrainLimits,
    EstimateLimits,
    BudgetLimits,
    CountLimits,
    UpstreamDefaults {
  readonly gossipIntervalMs: number
  /** A key's acceptance from one address is told once in this time, with the count. */
  readonly acceptedEveryMs: number
}

const MIN_TOKEN_BYTES = 16
const NODE_NAME = /^[A-Za-z0-9_-]{1,64}$/

/** Environment of a gateway node (contract: design, section 5). */
export function readGatewayConfig(env: EnvReader): GatewayConfig {
  const certPath = env.optional('TLS_CERT_PATH')
  const keyPath = env.optional('TLS_KEY_PATH')
  if ((certPath === undefined) !== (keyPath === undefined)) {
    env.fault('TLS_CERT_PATH and TLS_KEY_PATH go together: set both or neither')
  }
  const node = env.text('NODE_ID', `gw-${randomBytes(4).toString('hex')}`)
  if (!NODE_NAME.test(node)) env.fault('NODE_ID must be 1 to 64 letters, digits, - or _')
  const publicHost = env.text('PUBLIC_HOST', '0.0.0.0')
  return {
    node,
    natsUrl: env.text('NATS_URL'),
    logStorage: readLogStorage(env),
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    dataDir: env.text('FLUXGATE_DATA_DIR', '.fluxgate'),
    publicHost,
    publicPort: env.port('PUBLIC_PORT', 8443),
    reusePort: env.oneOf('REUSE_PORT', ['on', 'off'], 'off') === 'on',
    advertiseAddress: env.text('ADVERTISE_ADDRESS', publicHost === '0.0.0.0' ? '127.0.0.1' : publicHost),
    adminHost: env.text('ADMIN_HOST', '127.0.0.1'),
    adminPort: env.port('ADMIN_PORT', 9090),
    adminTokens: adminTokens(env),
    sessionKeys: {
      privateKey: readSigningKey(env, 'SESSION_PRIVATE_KEY'),
      publicKeys:
        env.optional('SESSION_PUBLIC_KEY_OTHER') === undefined
          ? []
          : [readVerifyingKey(env, 'SESSION_PUBLIC_KEY_OTHER')],
    },
    oidc: readOidcConfig(env),
    upstreamUrls: env.urls('DOWNSTREAM_AI_URLS', ['http:', 'https:']),
    upstreamsFile: upstreamsFile(env),
    extraRoutes: extraRoutes(env),
    forwardHeaders: forwardHeaders(env),
    trustedProxies: trustedProxies(env),
    forwardToken: env.optional('FORWARD_TOKEN') && env.secret('FORWARD_TOKEN', MIN_TOKEN_BYTES),
    registration: registration(env),
    corsOrigins: corsOrigins(env),
    tls: env.oneOf('TLS', ['on', 'off'], 'on') === 'on',
    tlsFiles: certPath !== undefined && keyPath !== undefined ? { certPath, keyPath } : undefined,
    clusterDomain: env.text('CLUSTER_DOMAIN', 'api.fluxgate.local'),
    dohUpstreams: dohUpstreams(env),
    dohOverrides: dohOverrides(env),
    dohAccess: dohAccess(env),
    operator: operator(env),
    spool: {
      maxBytes: env.integer('SPOOL_BYTES', 1024 ** 3, { min: 4 * 1024 ** 2 }),
      fsync: env.oneOf('SPOOL_FSYNC', ['off', 'commit'], 'off'),
      retainAfterAckMs: env.durationMs('SPOOL_KEEP', 2_000),
      lookEveryMs: 60_000,
    },
    telemetry: {
      accessLog: env.oneOf('ACCESS_LOG', ['on', 'off'], 'off') === 'on',
      tracing: readTracingConfig(env, node),
    },
    limits: readLimits(env),
  }
}

/** Routes besides the table of `core/routes`. */
function extraRoutes(env: EnvReader): readonly Route[] {
  const { routes, faults } = parseExtraRoutes(env.list('EXTRA_ROUTES'))
  for (const fault of faults) env.fault(`EXTRA_ROUTES: ${fault}`)
  return routes
}

function forwardHeaders(env: EnvReader): string[] {
  const names = env.list('FORWARD_HEADERS').map(name => name.toLowerCase())
  for (const name of names) {
    const why = unpassable(name)
    if (why !== undefined) env.fault(`FORWARD_HEADERS: ${JSON.stringify(name)} ${why}`)
  }
  return names
}

function upstreamsFile(env: EnvReader): UpstreamsFileConfig | undefined {
  const path = env.optional('UPSTREAMS_FILE')
  return path === undefined ? undefined : { path, env: name => env.optional(name), pollMs: 2_000 }
}

/** The dashboard on this machine by default; with a balancer in front, its addresses too. */
function trustedProxies(env: EnvReader): string[] {
  const given = readProxies(env, 'TRUSTED_PROXIES')
  return given.length > 0 ? given : ['loopback']
}

function registration(env: EnvReader): RegistrationMode | undefined {
  const text = env.optional('REGISTRATION')
  if (text === undefined) return undefined
  const mode = parseRegistrationMode(text)
  if (!mode)
    env.fault('REGISTRATION must be open, invite, off, or domain: and a domain such as domain:example.com')
  return mode
}

/** One token a purpose: none may be another, or its holder could do what both may. */
function adminTokens(env: EnvReader): AdminTokens {
  const optional = (name: string) =>
    env.optional(name) === undefined ? undefined : env.secret(name, MIN_TOKEN_BYTES)
  const tokens = {
    operator: env.secret('ADMIN_TOKEN', MIN_TOKEN_BYTES),
    dashboard: optional('ADMIN_TOKEN_DASHBOARD'),
    metrics: optional('METRICS_TOKEN'),
  }
  const given = Object.values(tokens).filter(token => token !== undefined && token !== '')
  if (new Set(given).size < given.length) {
    env.fault('ADMIN_TOKEN, ADMIN_TOKEN_DASHBOARD and METRICS_TOKEN must differ from each other')
  }
  return tokens
}

function dohUpstreams(env: EnvReader): UpstreamAddress[] {
  const { upstreams, faults } = parseUpstreams(env.list('DOH_UPSTREAMS'))
  for (const fault of faults) env.fault(`DOH_UPSTREAMS: ${fault}`)
  return upstreams
}

function dohOverrides(env: EnvReader): readonly Override[] {
  const { overrides, faults } = parseOverrides(env.list('DOH_OVERRIDES'))
  for (const fault of faults) env.fault(`DOH_OVERRIDES: ${fault}`)
  return overrides
}

function dohAccess(env: EnvReader): DnsAccess {
  const access = parseDnsAccess(env.text('DOH_ACCESS', DEFAULT_DNS_ACCESS))
  if (!('fault' in access)) return access
  env.fault(`DOH_ACCESS: ${access.fault}`)
  return { kind: 'off' }
}

function operator(env: EnvReader): { email: string; password: string } | undefined {
  const email = env.optional('OPERATOR_EMAIL')
  if (email === undefined) return undefined
  return { email, password: env.secret('OPERATOR_PASSWORD', 12) }
}

function readLimits(env: EnvReader): GatewayLimits {
  return {
    ...readEdgeLimits(env),
    defaultCompletionTokens: 256,
    maxCompletionTokens: 32_768,
    maxCountedBytes: MIB,
    maxHeardBytes: env.integer('MAX_HEARD_BYTES', 256 * MIB),
    countDeadlineMs: env.durationMs('COUNT_DEADLINE', 200),
    counterStartMs: 3_000,
    maxWaitingCounts: 256,
    connectTimeoutMs: env.durationMs('UPSTREAM_CONNECT_TIMEOUT', 5_000),
    firstByteTimeoutMs: env.durationMs('UPSTREAM_FIRST_BYTE_TIMEOUT', 300_000),
    idleTimeoutMs: env.durationMs('UPSTREAM_IDLE_TIMEOUT', 300_000),
    maxUpstreamConnections: env.integer('UPSTREAM_CONNECTIONS', 1_024, { min: 1 }),
    gossipIntervalMs: env.durationMs('GOSSIP_INTERVAL', 25),
    maxBudgetHolders: 100_000,
    maxBudgetHolds: 100_000,
    budgetLoadingMs: env.durationMs('BUDGET_LOADING', 5_000),
    budgetStartMs: env.durationMs('BUDGET_START', 60_000),
    budgetCheckpointMs: 10_000,
    acceptedEveryMs: 60_000,
    drainMs: env.durationMs('DRAIN_TIMEOUT', 10_000),
    drainDelayMs: env.durationMs('DRAIN_DELAY', 0),
  }
}

const MIB = 1024 * 1024
const MIN_LIMIT_MS = 1_000

function readEdgeLimits(env: EnvReader): EdgeLimits {
  const maxBodyBytes = env.integer('MAX_BODY_BYTES', 32 * MIB, { min: 1_024 })
  return {
    maxBodyBytes,
    maxBodiesBytes: env.integer('MAX_BODIES_BYTES', 512 * MIB, { min: maxBodyBytes }),
    maxRouteBodyBytes: 64 * 1024,
    maxOpenRequests: env.integer('MAX_OPEN_REQUESTS', 16_384, { min: 16 }),
    maxUrlBytes: 8 * 1024,
    maxHeaders: 100,
    maxHeaderBytes: 16 * 1024,
    maxConnections: env.integer('MAX_CONNECTIONS', 16_384, { min: 1 }),
    maxConnectionsPerAddress: env.integer('MAX_CONNECTIONS_PER_ADDRESS', 1_024),
    maxRequestsPerConnection: env.integer('MAX_REQUESTS_PER_CONNECTION', 10_000),
    maxStreamsPerConnection: 250,
    maxResets: 400,
    resetsPerSecond: 40,
    maxControlFrames: 200,
    streamWindowBytes: 256 * 1024,
    connectionWindowBytes: MIB,
    handshakeTimeoutMs: 10_000,
    requestTimeoutMs: limitMs(env, 'REQUEST_TIMEOUT', 60_000),
    headersTimeoutMs: 10_000,
    keepAliveTimeoutMs: limitMs(env, 'KEEP_ALIVE_TIMEOUT', 65_000),
    writeStallMs: limitMs(env, 'WRITE_STALL_TIMEOUT', 60_000),
    lingerMs: 2_000,
    checkEveryMs: 1_000,
    maxLoopDelayMs: env.durationMs('MAX_LOOP_DELAY', 250),
    maxHeapShare: 0.9,
  }
}

/** A time limit of the edge; none of them may be switched off. */
function limitMs(env: EnvReader, name: string, fallbackMs: number): number {
  const ms = env.durationMs(name, fallbackMs)
  if (ms < MIN_LIMIT_MS) env.fault(`${name} must be at least ${MIN_LIMIT_MS} ms`)
  return ms
}

/** `https://app.example`, as browsers write their `Origin`, or `*` for every page. */
function corsOrigins(env: EnvReader): string[] {
  const given = env.list('CORS_ORIGINS')
  for (const origin of given) {
    if (origin !== '*' && URL.parse(origin)?.origin !== origin) {
      env.fault(`CORS_ORIGINS: ${JSON.stringify(origin)} is no origin such as https://app.example`)
    }
  }
  return given
}
