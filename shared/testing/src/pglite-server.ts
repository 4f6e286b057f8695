import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { PGlite } from '@electric-sql/pglite'
import { errorResponse, MessageReader, type Unit } from './pglite-wire.ts'

interface Session {
  readonly socket: Socket
  readonly database: PGlite
}

interface Work {
  readonly session: Session
  readonly unit: Unit
}

/**
 * PGlite behind the Postgres wire protocol, for many connections. PGlite has one session, so the connections take
 * turns: a turn is everything up to a Sync (or one simple query), and a transaction is one long turn. The package
 * `pglite-socket` takes turns by message instead, which mixes up the unnamed statements of two connections as soon
 * as one message arrives in several pieces. Session state (SET, named statements) is shared by all connections.
 */
export async function servePglite(options: {
  port: number
  databaseNamed: (name: string) => PGlite | undefined
}): Promise<AsyncDisposable> {
  const queues = new Map<PGlite, TurnQueue>()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serveConnection(socket, name => {
      const database = options.databaseNamed(name)
      if (database && !queues.has(database)) queues.set(database, new TurnQueue())
      return database && { database, queue: queues.get(database)! }
    })
  })
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(done => server.close(done))
    },
  }
}

function serveConnection(
  socket: Socket,
  databaseNamed: (name: string) => { database: PGlite; queue: TurnQueue } | undefined,
): void {
  const reader = new MessageReader()
  let session: Session | undefined
  let queue: TurnQueue | undefined
  socket.on('data', chunk => {
    for (const read of reader.read(chunk)) {
      if (read.kind === 'refuse_encryption') socket.write('N')
      else if (read.kind === 'end') socket.end()
      else {
        if (read.kind === 'startup') {
          const found = databaseNamed(read.database)
          if (!found) {
            socket.end(errorResponse('FATAL', '3D000', `database "${read.database}" does not exist`))
            return
          }
          queue = found.queue
          session = { socket, database: found.database }
        }
        if (queue && session) queue.add({ session, unit: read })
      }
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    if (queue && session) queue.leave(session)
  })
}

/** Who may use the one session next. */
class TurnQueue {
  #waiting: Work[] = []
  /** The connection whose transaction or unsynced messages must go on before anyone else's. */
  #owner: Session | undefined
  #running = false

  add(work: Work): void {
    this.#waiting.push(work)
    void this.#run()
  }

  leave(session: Session): void {
    this.#waiting = this.#waiting.filter(work => work.session !== session)
    if (this.#owner !== session) return
    const rollback = Buffer.from('Q\0\0\0\rROLLBACK\0', 'latin1')
    this.#waiting.unshift({ session, unit: { kind: 'turn', bytes: rollback, ends: true } })
    void this.#run()
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    for (let work = this.#next(); work; work = this.#next()) {
      const { session, unit } = work
      const answer: Buffer[] = []
      await session.database.execProtocolRawStream(unit.bytes, {
        onRawData: data => answer.push(Buffer.from(data)),
      })
      if (session.socket.writable) session.socket.write(Buffer.concat(answer))
      const holds = (unit.kind === 'turn' && !unit.ends) || session.database.isInTransaction()
      this.#owner = holds ? session : undefined
      // A turn blocks this thread: let the sockets be read in between.
      await new Promise(setImmediate)
    }
    this.#running = false
  }

  #next(): Work | undefined {
    const owner = this.#owner
    if (!owner) return this.#waiting.shift()
    const index = this.#waiting.findIndex(work => work.session === owner)
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0]
  }
}
