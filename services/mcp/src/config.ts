import { DAY_MS } from '@fluxgate/contracts'
import { type EnvReader, readAllowedSources, readRetentionMs, readStatusAddress } from '@fluxgate/runtime'
import { readVerifyingKey } from '@fluxgate/session'

/** `http` is undefined when the server speaks over standard input and output. */
export type McpConfig = ReturnType<typeof readSharedConfig> & { readonly http: HttpConfig | undefined }
export type HttpConfig = ReturnType<typeof readHttpConfig>

const MIN_TOKEN_BYTES = 16
/** The variable that earlier versions read. */
const FORMER_TOKEN = 'ADMIN_TOKEN'

/** Configuration of the server over Streamable HTTP. */
export function readMcpConfig(env: EnvReader): McpConfig {
  return { ...readSharedConfig(env), http: readHttpConfig(env) }
}

/** Over stdio there is no token: who starts the process holds its environment. */
export function readStdioConfig(env: EnvReader): McpConfig {
  return { ...readSharedConfig(env), http: undefined }
}

function readHttpConfig(env: EnvReader) {
  const host = env.text('MCP_HOST', '127.0.0.1')
  return {
    host,
    port: env.port('MCP_PORT', 8_000),
    status: readStatusAddress(env),
    /** Its bearer may read and change. */
    operatorToken: operatorToken(env),
    /** Its bearer may read only. */
    readToken:
      env.optional('MCP_READ_TOKEN') === undefined
        ? undefined
        : env.secret('MCP_READ_TOKEN', MIN_TOKEN_BYTES),
    /** Verify portal sessions; during a rotation there are two. None: sessions are not accepted. */
    sessionKeys: ['SESSION_PUBLIC_KEY', 'SESSION_PUBLIC_KEY_OTHER']
      .filter(name => env.optional(name) !== undefined)
      .map(name => readVerifyingKey(env, name)),
    allowed: readAllowedSources(
      env,
      { hosts: 'MCP_ALLOWED_HOSTS', origins: 'MCP_ALLOWED_ORIGINS' },
      { host },
    ),
  }
}

/** A token for this server only: the gateways' ADMIN_TOKEN opens their admin API, which this server never calls. */
function operatorToken(env: EnvReader): string {
  if (env.optional('MCP_TOKEN') === undefined && env.optional(FORMER_TOKEN) !== undefined) {
    env.fault(
      'ADMIN_TOKEN is of the gateways alone. Set MCP_TOKEN to a token of its own, and remove ADMIN_TOKEN here',
    )
    return ''
  }
  return env.secret('MCP_TOKEN', MIN_TOKEN_BYTES)
}

function readSharedConfig(env: EnvReader) {
  const requestTimeoutMs = env.durationMs('REQUEST_TIMEOUT', 15_000)
  return {
    natsUrl: env.text('NATS_URL'),
    databaseUrl: env.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    /** Of a user in the role fluxgate_mcp_reader and in no other, for SQL queries. Absent: run_read_query is closed. */
    readDatabaseUrl:
      env.optional('MCP_READ_DATABASE_URL') === undefined
        ? undefined
        : env.url('MCP_READ_DATABASE_URL', ['postgres:', 'postgresql:']),
    limits: {
      callsPerMinute: env.integer('MCP_CALLS_PER_MINUTE', 600, { min: 1, max: 1_000_000 }),
      callBurst: env.integer('MCP_CALL_BURST', 60, { min: 1, max: 1_000_000 }),
      maxRunningCalls: env.integer('MCP_RUNNING_CALLS', 16, { min: 1, max: 1_000 }),
      callTimeoutMs: env.durationMs('MCP_CALL_TIMEOUT', 10_000),
      longCallTimeoutMs: env.durationMs('MCP_LONG_CALL_TIMEOUT', 300_000),
      maxLongCallsOfSession: env.integer('MCP_LONG_CALLS_OF_SESSION', 1, { min: 1, max: 100 }),
      maxLongCalls: env.integer('MCP_LONG_CALLS', 2, { min: 1, max: 100 }),
      maxLongEvents: env.integer('MCP_LONG_EVENTS', 20_000_000, { min: 1, max: 1_000_000_000 }),
      maxLongRangeMs: env.number('MCP_LONG_RANGE_DAYS', 31, { min: 1 }) * DAY_MS,
      requestRetentionMs: readRetentionMs(env),
      maxBodyBytes: env.integer('MCP_MAX_BODY_BYTES', 256 * 1_024, { min: 1_024, max: 4 * 1_024 * 1_024 }),
      maxHeaderBytes: 16 * 1_024,
      maxConnections: 1_024,
      requestTimeoutMs,
      headersTimeoutMs: Math.min(requestTimeoutMs, 10_000),
      maxDatabaseConnections: 5,
      databaseConnectTimeoutMs: 2_000,
      maxReadConnections: 2,
      readTimeoutMs: env.durationMs('MCP_READ_TIMEOUT', 3_000),
      maxReadBytes: env.integer('MCP_READ_BYTES', 256 * 1_024, { min: 1_024, max: 16 * 1_024 * 1_024 }),
      maxReadCost: env.integer('MCP_READ_COST', 300_000, { min: 1_000, max: 1_000_000_000 }),
      maxScannedEvents: env.integer('MCP_SCANNED_EVENTS', 50_000, { min: 1, max: 10_000_000 }),
      readyCheckMs: 2_000,
      incidentWatchMs: 1_000,
      drainMs: 5_000,
      maxSessions: env.integer('MCP_SESSIONS', 256, { min: 1, max: 100_000 }),
      maxSessionsOfCaller: env.integer('MCP_SESSIONS_OF_CALLER', 64, { min: 1, max: 100_000 }),
      sessionIdleMs: env.durationMs('MCP_SESSION_IDLE', 1_800_000),
      sessionMaxMs: env.durationMs('MCP_SESSION_MAX', 86_400_000),
    },
  }
}
