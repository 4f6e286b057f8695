import {
  type ConnectionOptions,
  connect,
  createInbox,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  type QueuedIterator,
  type Status,
} from 'nats'

import { type FirstReader, internalsOf } from './client-internals.ts'
import { callAll, guardCallbacks } from './guarded-callbacks.ts'
import { watchServerVersion } from './server-version.ts'

/** The part of a pino logger that this package uses. */
export interface LinkLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface NatsSettings {
  /**
   * `nats://host:port`, a comma list for a cluster; user and password may stand in the first URL. `tls://` speaks with
   * nobody who has no certificate; whose authority the system does not know, `NODE_EXTRA_CA_CERTS` names.
   */
  readonly url: string
  /** Connection name as the server's monitoring shows it. */
  readonly name: string
}

/** One connection, its JetStream client, and its ups and downs. */
export interface NatsLink extends AsyncDisposable {
  readonly connection: NatsConnection
  readonly jetstream: JetStreamClient
  readonly manager: JetStreamManager
  readonly log: LinkLog
  /** Writes whole protocol commands, as `Frames` makes them; while disconnected they are dropped or wait. */
  write(commands: Uint8Array): void
  /** Puts a reader before the client's own, for this connection and those that come after it. */
  readFirst(reader: FirstReader): void
  /** A fresh subject for answers, under this user's inbox prefix. */
  newInbox(): string
  isConnected(): boolean
  /** Called after each reconnect; returns how to unsubscribe. */
  onReconnect(listener: () => void): () => void
  onDisconnect(listener: () => void): () => void
}

const RECONNECT_WAIT_MS = 250
const PING_INTERVAL_MS = 10_000
const API_TIMEOUT_MS = 5_000
const CLOSE_LIMIT_MS = 2_000

/** Connects, waiting for the server as long as it takes; afterwards reconnects for ever. */
export async function connectNats(settings: NatsSettings, log: LinkLog): Promise<NatsLink> {
  const { options, inboxPrefix } = connectOptions(settings)
  const connection = await connect(options)
  guardCallbacks(connection, log)
  // `checkAPI: false`: a publisher's user may not ask for account information.
  const manager = await connection.jetstreamManager({ checkAPI: false, timeout: API_TIMEOUT_MS })
  const jetstream = connection.jetstream({ timeout: API_TIMEOUT_MS })
  const internals = internalsOf(connection)
  const reconnected = new Set<() => void>()
  const disconnected = new Set<() => void>()
  let connected = true
  let firstReader: FirstReader | undefined
  const seeVersion = watchServerVersion(log)
  seeVersion(connection.info?.version)

  // Closing the connection does not end this iterator; disposing does.
  const statuses = connection.status() as QueuedIterator<Status>
  const watching = (async () => {
    for await (const status of statuses) {
      if (status.type === Events.Disconnect) {
        connected = false
        log.warn({ server: status.data }, 'NATS disconnected')
        callAll(disconnected, log)
      } else if (status.type === Events.Reconnect) {
        connected = true
        if (firstReader) internals.readBefore(firstReader)
        log.info({ server: status.data }, 'NATS reconnected')
        seeVersion(connection.info?.version)
        callAll(reconnected, log)
      } else if (status.type === Events.Error) {
        // Refused publishes and subscriptions show here and nowhere else.
        log.error({ error: status.data, permission: status.permissionContext }, 'NATS error')
      }
    }
  })()

  return {
    connection,
    jetstream,
    manager,
    log,
    write: internals.write,
    readFirst(reader) {
      firstReader = reader
      internals.readBefore(reader)
    },
    newInbox: () => createInbox(inboxPrefix),
    isConnected: () => connected && !connection.isClosed(),
    onReconnect: listener => subscribe(reconnected, listener),
    onDisconnect: listener => subscribe(disconnected, listener),
    async [Symbol.asyncDispose]() {
      // A drain waits for the server; without one it would wait for ever.
      const drained = connected ? connection.drain() : connection.close()
      await Promise.race([
        drained.catch(() => {}),
        new Promise(done => setTimeout(done, CLOSE_LIMIT_MS).unref()),
      ])
      if (!connection.isClosed()) await connection.close()
      statuses.stop()
      await watching
    },
  }
}

function connectOptions({ url, name }: NatsSettings) {
  const servers = url.split(',').map(server => server.trim())
  const login = credentials(servers[0])
  // The server's permissions give each user inboxes of its own.
  const inboxPrefix = login ? `_INBOX_${login.user}` : '_INBOX'
  const options: ConnectionOptions = {
    servers: servers.map(withoutLogin),
    name,
    inboxPrefix,
    ...login,
    ...(servers[0]?.startsWith('tls:') ? { tls: {} } : {}),
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    waitOnFirstConnect: true,
    pingInterval: PING_INTERVAL_MS,
    // Stack traces for each request halve the rate of publishing (measured).
    noAsyncTraces: true,
  }
  return { options, inboxPrefix }
}

function subscribe(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The client's own reader takes a login before a host that has no dot for an address of IPv6. */
function withoutLogin(server: string): string {
  return server.replace(/\/\/.*@/, '//')
}

function credentials(server: string | undefined): { user: string; pass: string } | undefined {
  const url = URL.parse(server ?? '')
  if (!url?.username) return undefined
  return { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
}
