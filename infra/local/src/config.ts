import { resolve } from 'node:path'
import { type EnvReader, readModelName, readOllamaUrl } from '@fluxgate/runtime'

/** What `npm start` decides itself; everything else in the environment reaches the services as it is. */
export interface LocalConfig {
  readonly dataDir: string
  /** Absent: a nats-server of our own. */
  readonly natsUrl: string | undefined
  /** Absent: a Postgres of our own. */
  readonly databaseUrl: string | undefined
  /** The user has said where the models are. */
  readonly hasUpstream: boolean
  readonly upstreamUrls: readonly string[]
  readonly ollamaUrl: string
  readonly llmModel: string
  readonly ports: Ports
  readonly tls: boolean
  readonly tlsCertPath: string | undefined
  readonly operatorEmail: string
  /** Anybody may register in the demo, unless it is set. */
  readonly registration: string
  readonly logLevel: string
}

/** 0: any free one. */
export interface Ports {
  readonly public: number
  readonly admin: number
  readonly mcp: number
  readonly dashboard: number
}

export function readLocalConfig(env: EnvReader): LocalConfig {
  const upstreamUrls = env.urls('DOWNSTREAM_AI_URLS', ['http:', 'https:'])
  return {
    dataDir: resolve(env.text('FLUXGATE_DATA_DIR', '.fluxgate')),
    natsUrl: env.optional('NATS_URL'),
    databaseUrl: env.optional('DATABASE_URL') && env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    hasUpstream: upstreamUrls.length > 0 || env.optional('UPSTREAMS_FILE') !== undefined,
    upstreamUrls,
    ollamaUrl: readOllamaUrl(env),
    llmModel: readModelName(env),
    ports: {
      public: env.port('PUBLIC_PORT', 8443),
      admin: env.port('ADMIN_PORT', 9090),
      mcp: env.port('MCP_PORT', 8000),
      dashboard: env.port('DASHBOARD_PORT', 3000),
    },
    tls: env.oneOf('TLS', ['on', 'off'], 'on') === 'on',
    tlsCertPath: env.optional('TLS_CERT_PATH'),
    operatorEmail: env.text('OPERATOR_EMAIL', 'operator@fluxgate.local'),
    registration: env.text('REGISTRATION', 'open'),
    logLevel: env.text('LOG_LEVEL', 'info'),
  }
}
