import { join } from 'node:path'
import type { Environment } from '@fluxgate/runtime'
import { publicKeyOf } from '@fluxgate/session'
import type { LocalConfig, Ports } from './config.ts'
import type { Connection } from './connection.ts'
import type { Models } from './models.ts'
import type { Secrets } from './secrets.ts'

/** A node that drained for longer would be killed before its end. */
const DRAIN = '1s'

/** What the services are told beyond the environment that they inherit. */
export function serviceSettings(
  connection: Connection,
  models: Models,
  ports: Ports,
): Record<string, string> {
  return {
    DATABASE_URL: connection.databaseUrl,
    SESSION_PRIVATE_KEY: connection.sessionPrivateKey,
    SESSION_PUBLIC_KEY: publicKeyOf(connection.sessionPrivateKey),
    ADMIN_TOKEN: connection.adminToken,
    FORWARD_TOKEN: connection.forwardToken,
    REGISTRATION: connection.registration,
    ADMIN_TOKEN_DASHBOARD: connection.dashboardToken,
    METRICS_TOKEN: connection.metricsToken,
    MCP_TOKEN: connection.mcpToken,
    OPERATOR_EMAIL: connection.operatorEmail,
    OPERATOR_PASSWORD: connection.operatorPassword,
    FLUXGATE_DATA_DIR: connection.dataDir,
    OLLAMA_URL: models.ollamaUrl,
    PUBLIC_PORT: String(ports.public),
    ADMIN_PORT: String(ports.admin),
    MCP_PORT: String(ports.mcp),
    DASHBOARD_PORT: String(ports.dashboard),
    NODE_ID: `gw-${ports.public}`,
    GATEWAY_URL: connection.publicUrl,
    GATEWAY_PUBLIC_URL: connection.publicUrl,
    GATEWAY_ADMIN_URL: connection.adminUrl,
    ...(connection.tlsCertPath === undefined ? undefined : { GATEWAY_CA_PATH: connection.tlsCertPath }),
    DRAIN_TIMEOUT: DRAIN,
    ...(connection.upstreamUrls.length > 0
      ? { DOWNSTREAM_AI_URLS: connection.upstreamUrls.join(',') }
      : undefined),
  }
}

/** What is set in the environment wins over what was made up here. */
export function connectionOf(
  config: LocalConfig,
  env: Environment,
  secrets: Secrets,
  ports: Ports,
  found: { natsUrl: string; gatewayNatsUrl: string; databaseUrl: string; models: Models },
): Connection {
  const scheme = config.tls ? 'https' : 'http'
  const ownPair = config.tls && config.tlsCertPath === undefined
  return {
    pid: process.pid,
    dataDir: config.dataDir,
    natsUrl: found.natsUrl,
    gatewayNatsUrl: found.gatewayNatsUrl,
    databaseUrl: found.databaseUrl,
    publicUrl: `${scheme}://localhost:${ports.public}`,
    adminUrl: `http://127.0.0.1:${ports.admin}`,
    mcpUrl: `http://127.0.0.1:${ports.mcp}/mcp`,
    dashboardUrl: `http://localhost:${ports.dashboard}`,
    upstreamUrls: found.models.upstreamUrls,
    tlsCertPath: ownPair ? join(config.dataDir, 'tls', 'cert.pem') : undefined,
    tlsKeyPath: ownPair ? join(config.dataDir, 'tls', 'key.pem') : undefined,
    sessionPrivateKey: env.SESSION_PRIVATE_KEY || secrets.sessionPrivateKey,
    adminToken: env.ADMIN_TOKEN || secrets.adminToken,
    forwardToken: env.FORWARD_TOKEN || secrets.forwardToken,
    registration: config.registration,
    dashboardToken: env.ADMIN_TOKEN_DASHBOARD || secrets.dashboardToken,
    metricsToken: env.METRICS_TOKEN || secrets.metricsToken,
    mcpToken: env.MCP_TOKEN || secrets.mcpToken,
    operatorEmail: config.operatorEmail,
    operatorPassword: env.OPERATOR_PASSWORD || secrets.operatorPassword,
    apiKey: secrets.demoKey,
  }
}
