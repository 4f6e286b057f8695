import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * What a run of the tests gives to its files: the URL of an account of its nats-server, the kind of its Postgres, the URL of
 * a database in it, and a data directory of each kind to copy for a server of a test's own.
 */
export type LeaseKind = 'nats' | 'postgres' | 'database' | 'emptyDatabase' | 'postgresData' | 'pgliteData'

/** Ends with its disposal, or with the process that has it. */
export interface Lease extends AsyncDisposable {
  readonly value: string
}

type Request =
  | { readonly id: number; readonly lease: LeaseKind }
  | { readonly id: number; readonly release: number }
type Answer = { readonly id: number; readonly value?: string; readonly error?: string }

/** The socket over which test files ask; one line of JSON there and one back. */
const VARIABLE = 'FLUXGATE_TEST_LEASES'
/** For the environment of tests that must not use the run's servers. */
export const WITHOUT_LEASES = { [VARIABLE]: '' }

let isServer = false
let client: LeaseClient | undefined

/** Called by the run's global setup; processes that it starts afterwards find the socket in their environment. */
export async function serveLeases(grant: (kind: LeaseKind) => Promise<Lease>): Promise<AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-leases-'))
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serveFile(socket, grant)
  })
  const path = join(directory, 'socket')
  server.listen(path)
  await once(server, 'listening')
  isServer = true
  process.env[VARIABLE] = path
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(done => server.close(done))
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function serveFile(socket: Socket, grant: (kind: LeaseKind) => Promise<Lease>): void {
  const leases = new Map<number, Promise<Lease>>()
  const end = async (id: number) => {
    const lease = await leases.get(id)
    leases.delete(id)
    await lease?.[Symbol.asyncDispose]()
  }
  const handle = async (request: Request): Promise<Answer> => {
    if ('release' in request) {
      await end(request.release)
      return { id: request.id }
    }
    const lease = grant(request.lease)
    leases.set(request.id, lease)
    return { id: request.id, value: (await lease).value }
  }
  createInterface({ input: socket }).on('line', line => {
    const request = JSON.parse(line) as Request
    handle(request)
      .catch((error: Error): Answer => ({ id: request.id, error: error.message }))
      .then(answer => socket.write(`${JSON.stringify(answer)}\n`))
  })
  socket.on('close', () => {
    for (const id of [...leases.keys()]) end(id).catch(() => {})
  })
}

/** @returns undefined in a process without a run around it: then a test starts its own servers. */
export async function lease(kind: LeaseKind): Promise<Lease | undefined> {
  const path = process.env[VARIABLE]
  if (!path || isServer) return undefined
  client ??= new LeaseClient(path)
  return client.lease(kind)
}

class LeaseClient {
  readonly #socket: Socket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #lastId = 0

  constructor(path: string) {
    this.#socket = connect(path)
    this.#socket.unref()
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      for (const [id, settle] of this.#waiting) settle({ id, error: "the run's test servers are gone" })
    })
    createInterface({ input: this.#socket }).on('line', line => {
      const answer = JSON.parse(line) as Answer
      this.#waiting.get(answer.id)?.(answer)
    })
  }

  async lease(kind: LeaseKind): Promise<Lease> {
    const id = ++this.#lastId
    const value = await this.#ask({ id, lease: kind })
    return {
      value: value ?? '',
      [Symbol.asyncDispose]: async () => {
        await this.#ask({ id: ++this.#lastId, release: id })
      },
    }
  }

  async #ask(request: Request): Promise<string | undefined> {
    // Nothing but a question that waits for its answer keeps the process alive.
    this.#socket.ref()
    const answer = await new Promise<Answer>(settle => {
      this.#waiting.set(request.id, settle)
      this.#socket.write(`${JSON.stringify(request)}\n`)
    })
    this.#waiting.delete(request.id)
    if (this.#waiting.size === 0) this.#socket.unref()
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.value
  }
}
