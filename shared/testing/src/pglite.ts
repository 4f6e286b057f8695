import { once } from 'node:events'
import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Child, startChild, untilReady } from './child.ts'
import type { PostgresKind } from './postgres-process.ts'

const MAIN = fileURLToPath(new URL('./pglite-main.ts', import.meta.url))

/** What the server process tells: that it listens, that a database is made, or why not. */
export type PgliteReport = { readonly ready: true } | { readonly created: string; readonly fault?: string }

/** PGlite on disk in a process of its own, behind the Postgres wire protocol. */
export const PGLITE: PostgresKind = Object.freeze({
  kind: 'pglite',
  stopSignal: 'SIGTERM',
  endSignal: 'SIGKILL',
  async prepare(dataDir: string, copyOf: string | undefined) {
    if (copyOf !== undefined) await cp(copyOf, dataDir, { recursive: true })
  },
  launch,
  createDatabase: makeDatabase,
})

async function launch(dataDir: string, port: number, onSpawn: (pid: number) => void): Promise<Child> {
  const args = ['--disable-warning=ExperimentalWarning', MAIN, dataDir, String(port)]
  const child = startChild(process.execPath, args, { ipc: true })
  onSpawn(child.pid)
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
