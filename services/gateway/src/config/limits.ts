import type { EnvReader } from '@fluxgate/runtime'

const MIB = 1024 * 1024
const MIN_LIMIT_MS = 1_000

export type GatewayLimits = Readonly<ReturnType<typeof readLimits>>

/** Named bounds of a node; what each one bounds is said where it is used. */
export function readLimits(env: EnvReader) {
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

function readEdgeLimits(env: EnvReader) {
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
