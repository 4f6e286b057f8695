import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { type Child, ChildEnded, type Owner, startChild, untilReady } from './child.ts'
import { lease } from './leases.ts'
import { type DatabaseOptions, databaseUrl, type PostgresKind, TEMPLATE } from './postgres-process.ts'

const run = promisify(execFile)
const DEBIAN_ROOT = '/usr/lib/postgresql'
const START_TRIES = 100
const RETRY_MS = 50

/**
 * Durable against the end of its process, not of the machine: that is what tests can bring about. Commits stay
 * synchronous, since after SIGKILL an asynchronous one is lost with the memory of the process.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  // Of all test files that run beside each other.
  max_connections: '400',
}

/** The directory of PostgreSQL's server binaries: Debian's newest, else the one that `pg_config` on PATH names. */
export async function findPostgresql(): Promise<string | undefined> {
  const versions = existsSync(DEBIAN_ROOT) ? await readdir(DEBIAN_ROOT) : []
  const debian = versions
    .sort((a, b) => Number(b) - Number(a))
    .map(version => join(DEBIAN_ROOT, version, 'bin'))
  const configured = await run('pg_config', ['--bindir']).then(
    answer => [answer.stdout.trim()],
    () => [],
  )
  return [...debian, ...configured].find(
    directory => existsSync(join(directory, 'initdb')) && existsSync(join(directory, 'postgres')),
  )
}

export async function postgresqlOf(binaries: string, backendBytes?: number): Promise<PostgresKind> {
  const owner = await postgresOwner()
  const bounded = backendBytes !== undefined && process.platform === 'linux'
  const command = [...(bounded ? ['prlimit', `--data=${backendBytes}`] : []), join(binaries, 'postgres')]
  return {
    kind: 'postgresql',
    // Postgres' fast shutdown; SIGTERM would wait for the clients to leave.
    stopSignal: 'SIGINT',
    endSignal: 'SIGQUIT',
    prepare: (dataDir, copyOf) => initialize(binaries, dataDir, owner, copyOf),
    launch: (dataDir, port, onSpawn) => launch(command, dataDir, port, owner, onSpawn),
    createDatabase,
  }
}

async function initialize(
  binaries: string,
  dataDir: string,
  owner: Owner | undefined,
  copyOf: string | undefined,
): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  if (owner) await chown(dataDir, owner.uid, owner.gid)
  if (existsSync(join(dataDir, 'PG_VERSION'))) return
  await using shared = copyOf === undefined ? await lease('postgresData') : undefined
  const source = copyOf ?? shared?.value
  if (source !== undefined) {
    await run('cp', ['-a', `${source}/.`, dataDir])
    return
  }
  const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
  await run(join(binaries, 'initdb'), ['-D', dataDir, ...options], { ...owner, cwd: dataDir })
}

async function createDatabase(
  _child: Child,
  name: string,
  port: number,
  { empty = false }: DatabaseOptions,
): Promise<void> {
  const client = new pg.Client(databaseUrl(port, 'postgres'))
  await client.connect()
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [TEMPLATE])
    const template = found.rowCount === 1 && !empty ? ` template ${TEMPLATE}` : ''
    await client.query(`create database ${client.escapeIdentifier(name)}${template}`)
  } finally {
    await client.end()
  }
}

async function launch(
  [command = '', ...before]: readonly string[],
  dataDir: string,
  port: number,
  owner: Owner | undefined,
  onSpawn: (pid: number) => void,
): Promise<Child> {
  const settings = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  for (let tries = 1; ; tries++) {
    const child = startChild(command, [...before, '-D', dataDir, ...settings], { owner })
    onSpawn(child.pid)
    try {
      await untilReady(child, () => accepts(databaseUrl(port, 'postgres')))
      return child
    } catch (error) {
      // After SIGKILL the orphaned backends need a moment to notice and to let go of the shared memory.
      const orphans =
        error instanceof ChildEnded && error.message.includes('pre-existing shared memory block')
      if (!orphans || tries === START_TRIES) throw error
      await new Promise(done => setTimeout(done, RETRY_MS))
    }
  }
}

async function accepts(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    return false
  }
}

/** Postgres refuses to run as root: then it runs as the system's user `postgres`. */
async function postgresOwner(): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}
