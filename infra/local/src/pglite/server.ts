import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { PGlite } from '@electric-sql/pglite'
import type { EngineWatch } from './engine-watch.ts'
import { type Session, SUPERUSER, type TurnLimits, TurnQueue } from './turns.ts'
import { ASK_PASSWORD, errorResponse, MessageReader, type Read, type Unit } from './wire.ts'

export interface PgliteServerOptions {
  readonly port: number
  readonly databaseNamed: (name: string) => PGlite | undefined
  /** Absent: no password is asked for, as in tests. Else who is not named here is refused. */
  readonly passwords?: ReadonlyMap<string, string>
  readonly limits?: Partial<PgliteServerLimits>
  /** Bounds the turns of users other than `postgres`. */
  readonly watch?: EngineWatch
}

export interface PgliteServerLimits extends TurnLimits {
  readonly maxConnections: number
  /** From the connection to the login. */
  readonly loginMs: number
}

const LIMITS: PgliteServerLimits = { idleInTransactionMs: 10_000, maxConnections: 200, loginMs: 10_000 }

/**
 * PGlite behind the Postgres wire protocol, for many connections. PGlite has one session, so the connections take
 * turns: a turn is everything up to a Sync (or one simple query), and a transaction is one long turn. The package
 * `pglite-socket` takes turns by message instead, which mixes up the unnamed statements of two connections as soon
 * as one message arrives in several pieces. Session state (SET, named statements) is shared by all connections of
 * `postgres`; any other user is restricted to questions under its own rights (pglite-restricted.ts).
 */
export async function servePglite(options: PgliteServerOptions): Promise<AsyncDisposable> {
  const limits = { ...LIMITS, ...options.limits }
  const queues = new Map<PGlite, TurnQueue>()
  const sockets = new Set<Socket>()
  const queueOf = (name: string) => {
    const database = options.databaseNamed(name)
    if (database && !queues.has(database)) {
      queues.set(database, new TurnQueue(database, limits, options.watch))
    }
    return database && queues.get(database)
  }
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serveConnection(new Connection(socket, queueOf, options.passwords), limits.loginMs)
  })
  server.maxConnections = limits.maxConnections
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(done => server.close(done))
    },
  }
}

function serveConnection(connection: Connection, loginMs: number): void {
  const { socket } = connection
  const reader = new MessageReader()
  const late = setTimeout(() => socket.destroy(), loginMs)
  socket.on('data', chunk => {
    try {
      for (const read of reader.read(chunk)) {
        connection.take(read)
        if (!connection.isOpen) continue
        clearTimeout(late)
        reader.allowLargeMessages()
      }
    } catch {
      // Not the protocol, or longer than anything that it has: there is no next message to find.
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    clearTimeout(late)
    connection.leave()
  })
}

type Startup = Extract<Unit, { kind: 'startup' }>

class Connection {
  readonly socket: Socket
  readonly #queueOf: (name: string) => TurnQueue | undefined
  readonly #passwords: ReadonlyMap<string, string> | undefined
  #startup: Startup | undefined
  #session: Session | undefined
  #queue: TurnQueue | undefined

  constructor(
    socket: Socket,
    queueOf: (name: string) => TurnQueue | undefined,
    passwords: ReadonlyMap<string, string> | undefined,
  ) {
    this.socket = socket
    this.#queueOf = queueOf
    this.#passwords = passwords
  }

  /** Logged in. */
  get isOpen(): boolean {
    return this.#session !== undefined
  }

  take(read: Read): void {
    if (read.kind === 'refuse_encryption') this.socket.write('N')
    else if (read.kind === 'end') this.socket.end()
    else if (read.kind === 'startup') {
      this.#startup = read
      if (this.#passwords === undefined) this.#open(read)
      else this.socket.write(ASK_PASSWORD)
    } else if (read.kind === 'password') this.#login(read.password)
    else if (this.#session) this.#queue?.add({ session: this.#session, unit: read })
    else this.socket.destroy()
  }

  leave(): void {
    if (this.#session) this.#queue?.leave(this.#session)
  }

  #login(given: string): void {
    const startup = this.#startup
    if (!startup || this.#session) {
      this.socket.destroy()
      return
    }
    const wanted = this.#passwords?.get(startup.user)
    const isRight = wanted !== undefined && timingSafeEqual(digest(given), digest(wanted))
    if (isRight) this.#open(startup)
    else this.#refuse('28P01', `password authentication failed for user "${startup.user}"`)
  }

  #open(startup: Startup): void {
    const queue = this.#queueOf(startup.database)
    if (!queue) {
      this.#refuse('3D000', `database "${startup.database}" does not exist`)
      return
    }
    // Without passwords anybody is the superuser, but for those who ask for less.
    const user = startup.user === '' ? SUPERUSER : startup.user
    this.#queue = queue
    this.#session = { socket: this.socket, user, database: startup.database }
    queue.add({ session: this.#session, unit: startup })
  }

  #refuse(code: string, message: string): void {
    this.socket.end(errorResponse('FATAL', code, message))
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
