import { once } from 'node:events'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Child, startChild, untilReady } from './child.ts'
import { lease } from './leases.ts'
import { type DatabaseOptions, type PostgresKind, TEMPLATE } from './postgres-process.ts'

/** What `npm start` serves without a Postgres, for several databases. */
const MAIN = fileURLToPath(new URL('../../../infra/local/src/pglite/databases-main.ts', import.meta.url))
/** The directories that new databases are copies of. */
const TEMPLATES = ['.template', TEMPLATE]

export interface PgliteRequest {
  readonly create: string
  readonly empty: boolean
}

/** What the server process tells: that it listens, that a database is made, or why not. */
export type PgliteReport = { readonly ready: true } | { readonly created: string; readonly fault?: string }

/** PGlite on disk in a process of its own, behind the Postgres wire protocol. */
export const PGLITE: PostgresKind = Object.freeze({
  kind: 'pglite',
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  async prepare(dataDir: string, copyOf: string | undefined) {
    await using shared = copyOf === undefined ? await lease('pgliteData') : undefined
    const source = copyOf ?? shared?.value
    if (source === undefined) return
    await mkdir(dataDir, { recursive: true })
    for (const name of TEMPLATES) await symlink(join(source, name), join(dataDir, name))
  },
  launch,
  createDatabase: makeDatabase,
})

async function launch(dataDir: string, port: number, onSpawn: (pid: number) => void): Promise<Child> {
  const args = [MAIN, dataDir, String(port)]
  const child = startChild(process.execPath, args, { ipc: true })
  onSpawn(child.pid)
  let ready = false
  child.process.on('message', (report: PgliteReport) => {
    ready ||= 'ready' in report
  })
  await untilReady(child, async () => ready)
  return child
}

async function makeDatabase(
  child: Child,
  name: string,
  _port: number,
  { empty = false }: DatabaseOptions,
): Promise<void> {
  const request: PgliteRequest = { create: name, empty }
  child.process.channel?.ref()
  try {
    child.process.send(request)
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
