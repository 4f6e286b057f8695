import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventMaker } from '@fluxgate/contracts'
import { connectNats, EventPublisher, type LinkLog, type NatsLink } from '@fluxgate/nats'
import { openOrders, openPolicies, openPolicyBook } from '@fluxgate/operations'
import { type Database, openDatabase, openQuestions } from '@fluxgate/read-model'
import { createMetrics, startStatusServer } from '@fluxgate/runtime'
import {
  InMemoryServerEventBus,
  type McpServer,
  type McpServerOptions,
  type ServerEventBus,
} from '@modelcontextprotocol/server'
import { ulid } from 'ulid'
import {
  type Backends,
  openEventLog,
  openLiveState,
  openLongReads,
  openSqlReader,
  openTables,
  watchTables,
} from './backends/index.ts'
import { type Caller, OPERATOR, READER, ToolRunner } from './calls/index.ts'
import type { HttpConfig, McpConfig } from './config.ts'
import { resourceReader, watchIncidents } from './resources/index.ts'
import { TOOLS } from './tools/index.ts'
import {
  type Authenticate,
  anyOf,
  buildServer,
  fixedToken,
  followResources,
  openPortalSessions,
  openStdio,
  startHttp,
} from './transport/index.ts'

export interface Mcp extends AsyncDisposable {
  /** The HTTP port; undefined over stdio. */
  readonly port: number | undefined
  /** Resolves when the client on stdio has disconnected; over HTTP never. */
  readonly ended: Promise<void>
}

export interface McpOverrides {
  readonly nowMs?: () => number
  readonly input?: Readable
  readonly output?: Writable
  /** What the protocol's conformance suite expects to find; set by its test only, never by configuration. */
  readonly fixtures?: Fixtures
}

export interface Fixtures {
  readonly options: McpServerOptions
  add(server: McpServer, bus: ServerEventBus): void
}

/** Answers tool calls and resource reads until disposed. Postgres may be unavailable, at the start too. */
export async function startMcp(config: McpConfig, log: LinkLog, overrides: McpOverrides = {}): Promise<Mcp> {
  const nowMs = overrides.nowMs ?? Date.now
  const { limits } = config
  await using stack = new AsyncDisposableStack()
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'mcp' }, log))
  const { backends, db } = openBackends(stack, link, config, log, nowMs)
  const runner = new ToolRunner(backends, limits, log)
  stack.defer(() => Promise.race([runner.idle(), sleep(limits.drainMs, undefined, { ref: false })]))
  const read = resourceReader(backends, limits, log)
  const bus = new InMemoryServerEventBus(error =>
    log.warn({ err: error }, 'a session could not be notified of a change'),
  )
  stack.use(watchIncidents(backends, bus, limits.incidentWatchMs))
  const serverFor = (caller: Caller) => {
    const server = buildServer(TOOLS, caller, runner, read, overrides.fixtures?.options)
    overrides.fixtures?.add(server, bus)
    return server
  }

  if (config.http === undefined) {
    const { input = process.stdin, output = process.stdout } = overrides
    const subscribed = () => {
      const server = serverFor(OPERATOR)
      followResources(server, bus)
      return server
    }
    const { ended } = stack.use(openStdio(subscribed, input, output, limits))
    return mcp(stack.move(), undefined, ended)
  }
  const portalSessions = stack.use(openPortalSessions(link, db, config.http.sessionKeys, nowMs))
  const watch = stack.use(watchTables(backends.tables, limits.readyCheckMs))
  const checks = {
    nats: () => (link.isConnected() ? undefined : 'disconnected'),
    postgres: () => watch.error,
  }
  stack.use(await startStatusServer(config.http.status, createMetrics('mcp'), checks))
  const { port } = stack.use(
    await startHttp(config.http, {
      serverFor,
      bus,
      limits,
      log,
      checks,
      allowed: config.http.allowed,
      authenticate: anyOf([...fixedTokens(config.http), portalSessions.admit]),
    }),
  )
  return mcp(stack.move(), port, new Promise(() => {}))
}

/** The log, the buckets and the tables, as the tools see them; `stack` closes them. */
function openBackends(
  stack: AsyncDisposableStack,
  link: NatsLink,
  config: McpConfig,
  log: LinkLog,
  nowMs: () => number,
): { backends: Backends; db: Database } {
  const { limits } = config
  const onConnectionError = (error: Error) => log.warn({ err: error }, 'Postgres connection broke')
  const db = stack.use(
    openDatabase(config.databaseUrl, {
      max: limits.maxDatabaseConnections,
      applicationName: 'mcp',
      statementTimeoutMs: limits.callTimeoutMs,
      connectTimeoutMs: limits.databaseConnectTimeoutMs,
      onConnectionError,
    }),
  )
  const queries =
    config.readDatabaseUrl === undefined
      ? undefined
      : stack.use(
          openQuestions(config.readDatabaseUrl, {
            maxConnections: limits.maxReadConnections,
            connectTimeoutMs: limits.databaseConnectTimeoutMs,
            timeoutMs: limits.readTimeoutMs,
            applicationName: 'mcp-reader',
            onConnectionError,
          }),
        )
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker(`/mcp/${ulid()}`, ulid, nowMs)
  const policyBook = openPolicyBook(link, event => publisher.publish(event), make)
  const backends: Backends = {
    tables: openTables(db),
    nowMs,
    log: openEventLog(link, limits.maxScannedEvents),
    longReads: openLongReads(link, db, limits, nowMs),
    sql: openSqlReader(db, queries, { maxBytes: limits.maxReadBytes, maxCost: limits.maxReadCost }),
    live: openLiveState(link, openPolicies(link, policyBook)),
    orders: openOrders({ link, publisher, make, nowMs }),
  }
  return { backends, db }
}

function fixedTokens({ operatorToken, readToken }: HttpConfig): Authenticate[] {
  const operator = fixedToken(operatorToken, OPERATOR)
  return readToken === undefined ? [operator] : [operator, fixedToken(readToken, READER)]
}

function mcp(owned: AsyncDisposableStack, port: number | undefined, ended: Promise<void>): Mcp {
  return { port, ended, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
