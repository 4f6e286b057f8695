import { lease } from './leases.ts'
import { type NatsServer, startNatsServer } from './nats-server.ts'
import { type PostgresServer, startPostgres } from './postgres.ts'

/**
 * A nats-server for tests that neither stop nor configure it: an empty account of the run's server, or a server of its
 * own where no run is around this process (`node --test file`).
 */
export async function testNats(): Promise<NatsServer> {
  const account = await lease('nats')
  if (!account) return startNatsServer()
  return {
    url: account.value,
    port: Number(new URL(account.value).port),
    get storeDir(): string {
      throw shared('nats-server', 'startNatsServer')
    },
    get pid(): number {
      throw shared('nats-server', 'startNatsServer')
    },
    stop: () => Promise.reject(shared('nats-server', 'startNatsServer')),
    start: () => Promise.reject(shared('nats-server', 'startNatsServer')),
    pause: () => Promise.reject(shared('nats-server', 'startNatsServer')),
    resume() {
      throw shared('nats-server', 'startNatsServer')
    },
    [Symbol.asyncDispose]: () => account[Symbol.asyncDispose](),
  }
}

/** The same for Postgres; the databases that are created in it go when it is disposed. */
export async function testPostgres(): Promise<PostgresServer> {
  const kind = await lease('postgres')
  if (!kind) return startPostgres()
  const leases = new AsyncDisposableStack()
  return {
    kind: kind.value as PostgresServer['kind'],
    async create(_name, { empty = false } = {}) {
      const database = leases.use((await lease(empty ? 'emptyDatabase' : 'database'))!)
      return database.value
    },
    get url(): string {
      throw shared('Postgres', 'startPostgres')
    },
    get port(): number {
      throw shared('Postgres', 'startPostgres')
    },
    get dataDir(): string {
      throw shared('Postgres', 'startPostgres')
    },
    stop: () => Promise.reject(shared('Postgres', 'startPostgres')),
    start: () => Promise.reject(shared('Postgres', 'startPostgres')),
    [Symbol.asyncDispose]: () => leases.disposeAsync(),
  }
}

function shared(what: string, how: string): Error {
  return new Error(
    `this ${what} belongs to the whole run of the tests; use ${how}() for a server of one file`,
  )
}
