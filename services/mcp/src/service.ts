import type { Readable, Writable } from 'node:stream'
import { eventMaker } from '@fluxgate/contracts'
import { connectNats, EventPublisher, type LinkLog, openPenaltyBox } from '@fluxgate/nats'
import { openDatabase, openQuestions } from '@fluxgate/read-model'
import { createMetrics, startStatusServer } from '@fluxgate/runtime'
import { createSessionVerifier } from '@fluxgate/session'
import {
  InMemoryServerEventBus,
  type McpServer,
  type McpServerOptions,
  type ServerEventBus,
} from '@modelcontextprotocol/server'
import { ulid } from 'ulid'
import type { McpConfig } from './config.ts'
import { type Caller, OPERATOR, READER } from './core/caller.ts'
import type { Desk } from './core/desk.ts'
import { anyOf, fixedToken } from './in/authenticate.ts'
import { startHttp } from './in/http-face.ts'
import { watchIncidents } from './in/incident-watch.ts'
import { buildServer } from './in/mcp-server.ts'
import { resourceReader } from './in/read-resource.ts'
import { toolRunner } from './in/run-tool.ts'
import { followResources } from './in/sessions.ts'
import { openStdio } from './in/stdio.ts'
import { TOOLBOX } from './in/toolbox.ts'
import { openControl } from './out/control.ts'
import { openLogView } from './out/log-view.ts'
import { openLongReadings } from './out/long-readings.ts'
import { openPortalSessions } from './out/portal-sessions.ts'
import { openReader } from './out/reader.ts'
import { openTables } from './out/tables.ts'
import { watchTables } from './out/tables-watch.ts'

export interface Mcp extends AsyncDisposable {
  /** Of the HTTP face; undefined over stdio. */
  readonly port: number | undefined
  /** Resolves when the client on stdio has gone; over HTTP never. */
  readonly ended: Promise<void>
}

export interface McpOverrides {
  readonly nowMs?: () => number
  readonly input?: Readable
  readonly output?: Writable
  /** What the protocol's conformance suite wants to find; given by its test alone, and by no setting. */
  readonly fixtures?: Fixtures
}

export interface Fixtures {
  readonly options: McpServerOptions
  add(server: McpServer, bus: ServerEventBus): void
}

/** Answers questions about the gateway, and takes its few orders, until disposed. Postgres may be away. */
export async function startMcp(config: McpConfig, log: LinkLog, overrides: McpOverrides = {}): Promise<Mcp> {
  const nowMs = overrides.nowMs ?? Date.now
  const { limits } = config
  await using stack = new AsyncDisposableStack()
  const db = stack.use(
    openDatabase(config.databaseUrl, {
      max: limits.maxDatabaseConnections,
      applicationName: 'mcp',
      statementTimeoutMs: limits.callTimeoutMs,
      connectTimeoutMs: limits.databaseConnectTimeoutMs,
      onConnectionError: error => log.warn({ err: error }, 'Postgres connection broke'),
    }),
  )
  const questions =
    config.readDatabaseUrl === undefined
      ? undefined
      : stack.use(
          openQuestions(config.readDatabaseUrl, {
            maxConnections: limits.maxReadConnections,
            connectTimeoutMs: limits.databaseConnectTimeoutMs,
            timeoutMs: limits.readTimeoutMs,
            applicationName: 'mcp-reader',
            onConnectionError: error => log.warn({ err: error }, 'Postgres connection broke'),
          }),
        )
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'mcp' }, log))
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker(`/mcp/${ulid()}`, ulid, nowMs)
  const box = openPenaltyBox(link, publisher, make)
  const tables = openTables(db)
  const desk: Desk = {
    tables,
    nowMs,
    defaultPolicy: config.guardPolicy,
    log: openLogView(link, limits.maxScannedEvents),
    readings: openLongReadings(link, db, limits, nowMs),
    reader: openReader(db, questions, { maxBytes: limits.maxReadBytes, maxCost: limits.maxReadCost }),
    control: openControl({ link, box, publisher, make, nowMs }),
  }
  const runner = toolRunner(desk, limits, log)
  stack.defer(() =>
    Promise.race([runner.idle(), new Promise<void>(done => setTimeout(done, limits.drainMs).unref())]),
  )
  const read = resourceReader(desk, limits, log)
  const bus = new InMemoryServerEventBus(error =>
    log.warn({ err: error }, 'a session could not be notified of a change'),
  )
  const serverFor = (caller: Caller) => {
    const server = buildServer(TOOLBOX, caller, runner, read, overrides.fixtures?.options)
    overrides.fixtures?.add(server, bus)
    return server
  }
  stack.use(watchIncidents(desk, bus, limits.incidentWatchMs))

  if (config.http === undefined) {
    const { input = process.stdin, output = process.stdout } = overrides
    const listening = () => {
      const server = serverFor(OPERATOR)
      followResources(server, bus)
      return server
    }
    const face = stack.use(openStdio(listening, input, output, limits))
    return mcp(stack.move(), undefined, face.ended)
  }
  const ways = [fixedToken(config.http.operatorToken, OPERATOR)]
  if (config.http.readToken !== undefined) ways.push(fixedToken(config.http.readToken, READER))
  if (config.http.sessionKeys.length > 0) {
    const sessions = createSessionVerifier({ publicKeys: config.http.sessionKeys, nowMs })
    ways.push(stack.use(openPortalSessions(link, db, sessions, nowMs)).admit)
  }
  const watch = stack.use(watchTables(tables, limits.readyCheckMs))
  const checks = {
    nats: () => (link.isConnected() ? undefined : 'disconnected'),
    postgres: () => watch.fault,
  }
  stack.use(await startStatusServer(config.http.status, createMetrics('mcp'), checks))
  const face = stack.use(
    await startHttp(config.http, {
      serverFor,
      bus,
      limits,
      log,
      allowed: config.http.allowed,
      authenticate: anyOf(ways),
      checks,
    }),
  )
  return mcp(stack.move(), face.port, new Promise(() => {}))
}

function mcp(owned: AsyncDisposableStack, port: number | undefined, ended: Promise<void>): Mcp {
  return { port, ended, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
