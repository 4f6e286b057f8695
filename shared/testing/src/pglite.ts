import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, startChild, untilReady } from './child.ts'
import { freePort } from './free-port.ts'
import type { PostgresOptions, PostgresServer } from './postgres.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

const MAIN = fileURLToPath(new URL('./pglite-main.ts', import.meta.url))

/** What the server process tells: that it listens, that a database is made, or why not. */
export type PgliteReport = { readonly ready: true } | { readonly created: string; readonly fault?: string }

/** PGlite on disk in a process of its own, behind the Postgres wire protocol. */
export async function startPglite(options: PostgresOptions): Promise<PostgresServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'fluxgate-pglite-')))
  const watchdog = startWatchdog(options.dataDir === undefined ? dataDir : undefined)
  try {
    const port = options.port ?? (await freePort())
    const launchHere = () => launch(dataDir, port, watchdog)
    return serverHandle(port, dataDir, watchdog, launchHere, await launchHere())
  } catch (error) {
    await watchdog.release()
    throw error
  }
}

function serverHandle(
  port: number,
  dataDir: string,
  watchdog: Watchdog,
  launchHere: () => Promise<Child>,
  first: Child,
): PostgresServer {
  let child: Child | undefined = first
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    await child?.stop(signal)
    child = undefined
    watchdog.guard(undefined)
  }
  return {
    url: urlOf(port, 'postgres'),
    port,
    kind: 'pglite',
    dataDir,
    stop,
    async start() {
      child ??= await launchHere()
    },
    async create(name) {
      if (!child) throw new Error('the server is stopped')
      await makeDatabase(child, name)
      return urlOf(port, name)
    },
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL')
      await watchdog.release()
    },
  }
}

async function launch(dataDir: string, port: number, watchdog: Watchdog): Promise<Child> {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, dataDir, String(port)]
  const child = startChild(process.execPath, args, { ipc: true })
  watchdog.guard(child.pid)
  let ready = false
  child.process.on('message', (report: PgliteReport) => {
    ready ||= 'ready' in report
  })
  await untilReady(child, async () => ready)
  return child
}

async function makeDatabase(child: Child, name: string): Promise<void> {
  child.process.channel?.ref()
  try {
    child.process.send({ create: name })
    for (;;) {
      const [report] = (await once(child.process, 'message')) as [PgliteReport]
      if (!('created' in report) || report.created !== name) continue
      if (report.fault !== undefined) throw new Error(report.fault)
      return
    }
  } finally {
    child.process.channel?.unref()
  }
}

function urlOf(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`
}
