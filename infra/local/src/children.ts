import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@fluxgate/runtime'
import type { ChildSpec } from './supervisor/life.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const READY_LIMIT_MS = 60_000
const NODE_FLAGS = ['--enable-source-maps']

/** Who stops when: services first, the log last. */
export const RANK = Object.freeze({ service: 2, postgres: 1, nats: 0 })

/** Variables that only the processes named in the table get. */
export const PRIVATE = [
  'SESSION_PRIVATE_KEY',
  'SESSION_PUBLIC_KEY',
  'SESSION_PUBLIC_KEY_OTHER',
  'ADMIN_TOKEN',
  'ADMIN_TOKEN_DASHBOARD',
  'METRICS_TOKEN',
  'MCP_TOKEN',
  'MCP_READ_TOKEN',
  // Of earlier versions: no process of this one reads it.
  'JWT_SECRET',
  'OPERATOR_PASSWORD',
  'DATABASE_URL',
  'MCP_READ_DATABASE_URL',
  'NATS_URL',
  // One port cannot serve several processes.
  'METRICS_PORT',
  'NODE_ID',
] as const
type Private = (typeof PRIVATE)[number]

export interface Service {
  readonly name: string
  readonly entry: string
  readonly needs: readonly Private[]
}

export const SERVICES: readonly Service[] = [
  {
    name: 'gateway',
    entry: 'services/gateway/src/main.ts',
    needs: [
      'NATS_URL',
      'DATABASE_URL',
      'SESSION_PRIVATE_KEY',
      'SESSION_PUBLIC_KEY_OTHER',
      'ADMIN_TOKEN',
      'ADMIN_TOKEN_DASHBOARD',
      'METRICS_TOKEN',
      'OPERATOR_PASSWORD',
      'NODE_ID',
    ],
  },
  { name: 'guard', entry: 'services/guard/src/main.ts', needs: ['NATS_URL'] },
  { name: 'projection', entry: 'services/projection/src/main.ts', needs: ['NATS_URL', 'DATABASE_URL'] },
  { name: 'incident-reporter', entry: 'services/incident-reporter/src/main.ts', needs: ['NATS_URL'] },
  {
    name: 'mcp',
    entry: 'services/mcp/src/main.ts',
    needs: [
      'NATS_URL',
      'DATABASE_URL',
      'MCP_READ_DATABASE_URL',
      'SESSION_PUBLIC_KEY',
      'SESSION_PUBLIC_KEY_OTHER',
      'MCP_TOKEN',
      'MCP_READ_TOKEN',
    ],
  },
  {
    name: 'dashboard',
    entry: 'services/dashboard/src/main.ts',
    needs: [
      'NATS_URL',
      'DATABASE_URL',
      'SESSION_PUBLIC_KEY',
      'SESSION_PUBLIC_KEY_OTHER',
      'ADMIN_TOKEN_DASHBOARD',
    ],
  },
]

/** A service as a child: the whole environment, less the secrets it has no use for. */
export function serviceChild(
  service: Service,
  env: Environment,
  args: readonly string[] = [],
  { watch = false } = {},
): ChildSpec {
  const withheld = PRIVATE.filter(name => !service.needs.includes(name))
  return {
    ...nodeChild(service.name, service.entry, args, env, watch ? ['--watch'] : []),
    env: { ...env, ...Object.fromEntries(withheld.map(name => [name, undefined])) },
    rank: RANK.service,
  }
}

/** The model simulator on a port; it stops with the services. */
export function simulatorChild(
  { port, models }: { port: number; models: readonly string[] },
  env: Environment,
): ChildSpec {
  return {
    ...nodeChild('simulator', 'infra/local/src/simulator-main.ts', [], env),
    env: { PATH: env.PATH, SIMULATOR_PORT: String(port), SIMULATOR_MODELS: models.join(',') },
    rank: RANK.service,
  }
}

/** Of the embedded Postgres' users, by the variable that its process reads. */
export type PostgresPassword = 'POSTGRES_PASSWORD' | 'POSTGRES_PASSWORD_MCP_READER'

/** PGlite behind the Postgres protocol. */
export function postgresChild(
  dataDir: string,
  port: number,
  env: Environment,
  passwords: Readonly<Record<PostgresPassword, string>>,
): ChildSpec {
  return {
    ...nodeChild('postgres', 'infra/local/src/postgres-main.ts', [], env),
    env: {
      PATH: env.PATH,
      POSTGRES_DIR: join(dataDir, 'postgres'),
      POSTGRES_PORT: String(port),
      POSTGRES_MAX_QUESTION: env.POSTGRES_MAX_QUESTION,
      ...passwords,
    },
    rank: RANK.postgres,
  }
}

function nodeChild(
  name: string,
  entry: string,
  args: readonly string[],
  env: Environment,
  flags: readonly string[] = [],
): ChildSpec {
  return {
    name,
    command: process.execPath,
    args: [...NODE_FLAGS, ...flags, join(ROOT, entry), ...args],
    env,
    rank: 0,
    readyLimitMs: READY_LIMIT_MS,
  }
}

/** Text in a child's command line by which a later run knows it again. */
export function markerOf({ args }: ChildSpec): string {
  return args.find(arg => arg.startsWith('/') || arg.includes('server.conf')) ?? args.join(' ')
}
