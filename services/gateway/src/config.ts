import { randomBytes } from 'node:crypto'
import { type EnvReader, type LogStorage, readLogStorage, readProxies } from '@fluxgate/runtime'
import { readSigningKey, readVerifyingKey } from '@fluxgate/session'
import {
  DEFAULT_DNS_ACCESS,
  type DnsAccess,
  type ExtraRoute,
  type GatewayLimits,
  type OidcConfig,
  type Override,
  parseDnsAccess,
  parseExtraRoutes,
  parseOverrides,
  parseRegistrationMode,
  parseUpstreams,
  type RegistrationMode,
  readLimits,
  readOidcConfig,
  readTracingConfig,
  readWorkerCount,
  type TracingConfig,
  type UpstreamAddress,
  unpassable,
} from './config/index.ts'

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
  /** Processes that serve the public port; each is a node of its own. */
  readonly workers: number
  /** Address that this node tells the others and DNS clients. */
  readonly advertiseAddress: string
  readonly adminHost: string
  readonly adminPort: number
  readonly adminTokens: {
    readonly operator: string
    readonly dashboard: string | undefined
    readonly metrics: string | undefined
  }
  readonly sessionKeys: SessionKeys
  /** An issuer whose tokens are taken beside our own. */
  readonly oidc: OidcConfig | undefined
  readonly upstreamUrls: readonly string[]
  readonly upstreamsFile:
    | {
        readonly path: string
        /** For the references to the environment in the file. */
        readonly env: (name: string) => string | undefined
        readonly pollMs: number
      }
    | undefined
  /** Calls that may leave the node besides the table of routes. */
  readonly extraRoutes: readonly ExtraRoute[]
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
  /** Over how many subjects the events of calls are spread by their users. */
  readonly logPartitions: number
  readonly spool: {
    readonly maxBytes: number
    readonly fsync: 'off' | 'commit'
    /** An acknowledged event stays on disk for so long, and is sent again when NATS was away meanwhile. */
    readonly retainAfterAckMs: number
    /** How often it is looked for the spools of dead nodes in the data directory. */
    readonly lookEveryMs: number
  }
  readonly telemetry: {
    /** A log line for each call, beside its events. */
    readonly accessLog: boolean
    /** Absent: nothing is traced. */
    readonly tracing: TracingConfig | undefined
  }
  readonly limits: GatewayLimits
}

export interface SessionKeys {
  readonly privateKey: string
  /** Verifies too, during a rotation. */
  readonly publicKeys: readonly string[]
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
  const reusePort = env.oneOf('REUSE_PORT', ['on', 'off'], 'off') === 'on'
  const workers = readWorkerCount(env)
  if (reusePort && workers > 1)
    env.fault('REUSE_PORT=on and GATEWAY_WORKERS exclude each other: workers share the port already')
  return {
    node,
    natsUrl: env.text('NATS_URL'),
    logStorage: readLogStorage(env),
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    dataDir: env.text('FLUXGATE_DATA_DIR', '.fluxgate'),
    publicHost,
    publicPort: env.port('PUBLIC_PORT', 8443),
    reusePort,
    workers,
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
    logPartitions: env.integer('LOG_PARTITIONS', 1, { min: 1, max: 64 }),
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

function extraRoutes(env: EnvReader): readonly ExtraRoute[] {
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

function upstreamsFile(env: EnvReader): GatewayConfig['upstreamsFile'] {
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
function adminTokens(env: EnvReader): GatewayConfig['adminTokens'] {
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
