import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectNats } from '@fluxgate/nats'
import { migrate } from '@fluxgate/postgres'
import {
  createDatabase,
  type Lease,
  type LeaseKind,
  type NatsServer,
  type PostgresServer,
  startNatsServer,
  startPostgres,
  TEMPLATE,
} from '@fluxgate/testing'
import pg from 'pg'

/** Far more than test files run at once. */
const ACCOUNTS = 64
/** Of each account: as much as a server of a test's own has. */
const ACCOUNT_FILE_BYTES = 16 * 1024 ** 3
const ACCOUNT_MEMORY_BYTES = 256 * 1024 ** 2
const PASSWORD = 'test'
const quiet = { info() {}, warn() {}, error() {} }

export interface RunServers extends AsyncDisposable {
  grant(kind: LeaseKind): Promise<Lease>
}

/** The servers that a run of the tests shares; each starts when it is first asked for. */
export function runServers(): RunServers {
  const stack = new AsyncDisposableStack()
  const accounts = Array.from({ length: ACCOUNTS }, (_, i) => `t${i}`)
  const nats = once(async () => stack.use(await startAccounts(accounts)))
  const dataOf = (kind?: 'pglite') =>
    once(async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-postgres-data-'))
      stack.defer(() => rm(dataDir, { recursive: true, force: true }))
      await makeData(dataDir, kind)
      return dataDir
    })
  const data = dataOf()
  const pgliteData = dataOf('pglite')
  const postgres = once(async () => stack.use(await startPostgres({ copyOf: await data() })))

  async function account(): Promise<Lease> {
    const { port } = await nats()
    const name = accounts.shift()
    if (name === undefined) throw new Error(`all ${ACCOUNTS} accounts of the nats-server are in use`)
    const url = `nats://${name}:${PASSWORD}@127.0.0.1:${port}`
    return lease(url, async () => {
      await deleteStreams(url)
      accounts.push(name)
    })
  }

  async function database(empty: boolean): Promise<Lease> {
    const server = await postgres()
    const url = await createDatabase(server, { empty })
    return lease(url, () => dropDatabase(server, url))
  }

  return {
    grant(kind) {
      if (kind === 'nats') return account()
      if (kind === 'postgresData') return data().then(value => lease(value))
      if (kind === 'pgliteData') return pgliteData().then(value => lease(value))
      if (kind === 'postgres') return postgres().then(server => lease(server.kind))
      return database(kind === 'emptyDatabase')
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function lease(value: string, end: () => Promise<void> = async () => {}): Lease {
  return { value, [Symbol.asyncDispose]: end }
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined
  return () => {
    started ??= start()
    return started
  }
}

function startAccounts(names: readonly string[]): Promise<NatsServer> {
  const limits = `max_file: ${ACCOUNT_FILE_BYTES}, max_mem: ${ACCOUNT_MEMORY_BYTES}`
  const accounts = names.map(
    name => `${name} { jetstream { ${limits} }, users: [{ user: ${name}, password: ${PASSWORD} }] }`,
  )
  return startNatsServer({
    maxFileBytes: ACCOUNT_FILE_BYTES * names.length,
    maxMemoryBytes: ACCOUNT_MEMORY_BYTES * names.length,
    config: `accounts {\n${accounts.join('\n')}\n}`,
  })
}

async function deleteStreams(url: string): Promise<void> {
  await using link = await connectNats({ url, name: 'test-run' }, quiet)
  for await (const name of link.manager.streams.names()) await link.manager.streams.delete(name)
}

/** A data directory with the database {@link TEMPLATE}, for servers to start from a copy of it. */
async function makeData(dataDir: string, kind: 'pglite' | undefined): Promise<void> {
  await using server = await startPostgres(kind ? { kind, dataDir } : { dataDir })
  await migrate(await server.create(TEMPLATE))
  await server.stop()
}

async function dropDatabase(server: PostgresServer, url: string): Promise<void> {
  if (server.kind !== 'postgresql') return
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    await client.query(
      `drop database if exists ${client.escapeIdentifier(new URL(url).pathname.slice(1))} with (force)`,
    )
  } finally {
    await client.end()
  }
}
