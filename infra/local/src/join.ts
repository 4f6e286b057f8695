import { join, resolve } from 'node:path'
import { ConfigError, type Environment, type EnvReader } from '@fluxgate/runtime'
import type { Connection } from './connection.ts'
import { readConnection } from './connection.ts'
import { nextFreePair, portFaults } from './ports.ts'

/** Where the running system's ports start; a joiner takes the next free pair. */
const FIRST_PUBLIC_PORT = 8444
const FIRST_ADMIN_PORT = 9091

export interface JoinConfig {
  readonly dataDir: string
  readonly publicPort: number | undefined
  readonly adminPort: number | undefined
}

export function readJoinConfig(env: EnvReader): JoinConfig {
  return {
    dataDir: resolve(env.text('FLUXGATE_DATA_DIR', '.fluxgate')),
    publicPort: env.optional('PUBLIC_PORT') === undefined ? undefined : env.port('PUBLIC_PORT', 0),
    adminPort: env.optional('ADMIN_PORT') === undefined ? undefined : env.port('ADMIN_PORT', 0),
  }
}

/** What a joining gateway needs, from the running system's `connection.json` or from the environment. */
export async function joinSettings(config: JoinConfig, env: Environment) {
  const connection = await readConnection(config.dataDir)
  const fromEnv = ['NATS_URL', 'DATABASE_URL', 'SESSION_PRIVATE_KEY', 'ADMIN_TOKEN'].filter(
    name => !env[name],
  )
  if (!connection && fromEnv.length > 0) {
    throw new ConfigError([
      `Nothing runs with ${config.dataDir}: start it with \`npm start\` first, or set ${fromEnv.join(', ')}.`,
    ])
  }
  const [publicPort, adminPort] = await choosePorts(config)
  return {
    ...(connection && inherited(connection, env)),
    PUBLIC_PORT: String(publicPort),
    ADMIN_PORT: String(adminPort),
    NODE_ID: env.NODE_ID || `gw-${publicPort}`,
    // A node's spool is its own.
    FLUXGATE_DATA_DIR: join(config.dataDir, 'nodes', String(publicPort)),
    TLS: connection?.publicUrl.startsWith('http:') ? 'off' : (env.TLS ?? 'on'),
  }
}

function inherited(connection: Connection, env: Environment): Record<string, string> {
  const { upstreamUrls, tlsCertPath, tlsKeyPath } = connection
  return {
    NATS_URL: env.NATS_URL || connection.gatewayNatsUrl,
    DATABASE_URL: env.DATABASE_URL || connection.databaseUrl,
    SESSION_PRIVATE_KEY: env.SESSION_PRIVATE_KEY || connection.sessionPrivateKey,
    ADMIN_TOKEN: env.ADMIN_TOKEN || connection.adminToken,
    ADMIN_TOKEN_DASHBOARD: env.ADMIN_TOKEN_DASHBOARD || connection.dashboardToken,
    METRICS_TOKEN: env.METRICS_TOKEN || connection.metricsToken,
    ...(upstreamUrls.length > 0 && !env.DOWNSTREAM_AI_URLS
      ? { DOWNSTREAM_AI_URLS: upstreamUrls.join(',') }
      : undefined),
    ...(tlsCertPath && tlsKeyPath && !env.TLS_CERT_PATH
      ? { TLS_CERT_PATH: tlsCertPath, TLS_KEY_PATH: tlsKeyPath }
      : undefined),
  }
}

async function choosePorts({ publicPort, adminPort }: JoinConfig): Promise<[number, number]> {
  const [freePublic, freeAdmin] = await nextFreePair(FIRST_PUBLIC_PORT, FIRST_ADMIN_PORT)
  const chosen: [number, number] = [publicPort ?? freePublic, adminPort ?? freeAdmin]
  const faults = await portFaults([
    { port: chosen[0], variable: 'PUBLIC_PORT', purpose: "the gateway's public server" },
    { port: chosen[1], variable: 'ADMIN_PORT', purpose: "the gateway's admin server" },
  ])
  if (faults.length > 0) throw new ConfigError(faults)
  return chosen
}
