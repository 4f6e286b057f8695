import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, ChildEnded } from './child.ts'
import { freePort } from './free-port.ts'
import type { PostgresOptions, PostgresServer } from './postgres.ts'
import { startWatchdog } from './watchdog.ts'

const PORT_TRIES = 5
const PORT_TAKEN = /address already in use|EADDRINUSE|could not bind/i

export interface DatabaseOptions {
  /** Absent: the schema is there already where the server has a database {@link TEMPLATE}; migrating it again changes nothing. */
  readonly empty?: boolean
}

/** The database that new ones are copies of; a run of the tests migrates it once. */
export const TEMPLATE = 'migrated'

/** What the two kinds of server do each in its own way. */
export interface PostgresKind {
  readonly kind: PostgresServer['kind']
  /** Ends it in order, without waiting for its clients to leave. */
  readonly stopSignal: NodeJS.Signals
  /** Ends it at once, when nobody needs its data any more. */
  readonly endSignal: NodeJS.Signals
  /** Makes the data directory ready for the first launch. */
  prepare(dataDir: string, copyOf: string | undefined): Promise<void>
  /** Resolves when it accepts connections; `onSpawn` is told its process id before that. */
  launch(dataDir: string, port: number, onSpawn: (pid: number) => void): Promise<Child>
  createDatabase(child: Child, name: string, port: number, options: DatabaseOptions): Promise<void>
}

/** A server process with its data directory, its port and a watchdog that leaves nothing behind. */
export async function startPostgresProcess(
  kind: PostgresKind,
  options: PostgresOptions,
): Promise<PostgresServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), `fluxgate-${kind.kind}-`)))
  const watchdog = startWatchdog(options.dataDir === undefined ? dataDir : undefined)
  const launch = (port: number) => kind.launch(dataDir, port, pid => watchdog.guard(pid))
  try {
    await kind.prepare(dataDir, options.copyOf)
    for (let tries = 1; ; tries++) {
      const port = options.port ?? (await freePort())
      try {
        const handle = serverHandle(kind, { dataDir, port }, () => launch(port), await launch(port))
        return {
          ...handle,
          async stop(signal) {
            await handle.stop(signal)
            watchdog.guard(undefined)
          },
          async [Symbol.asyncDispose]() {
            await handle.stop(kind.endSignal)
            await watchdog.release()
          },
        }
      } catch (error) {
        // Another process may have taken the port since it was found free.
        const retry = error instanceof ChildEnded && PORT_TAKEN.test(error.message)
        if (!retry || options.port !== undefined || tries === PORT_TRIES) throw error
      }
    }
  } catch (error) {
    await watchdog.release()
    throw error
  }
}

function serverHandle(
  kind: PostgresKind,
  { dataDir, port }: { dataDir: string; port: number },
  launch: () => Promise<Child>,
  first: Child,
): Omit<PostgresServer, typeof Symbol.asyncDispose> {
  let child: Child | undefined = first
  return {
    url: databaseUrl(port, 'postgres'),
    port,
    kind: kind.kind,
    dataDir,
    async stop(signal = kind.stopSignal) {
      await child?.stop(signal)
      child = undefined
    },
    async start() {
      child ??= await launch()
    },
    async create(name, options = {}) {
      if (!child) throw new Error('the server is stopped')
      await kind.createDatabase(child, name, port, options)
      return databaseUrl(port, name)
    },
  }
}

export function databaseUrl(port: number, name: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${name}`
}
