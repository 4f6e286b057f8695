import { setTimeout as sleep } from 'node:timers/promises'
import { type Database, openDatabase } from '@fluxgate/read-model'
import { type Figures, readFigures, statusText } from './figures.ts'
import type { Terminal } from './terminal.ts'

const INTERACTIVE_EVERY_MS = 1_000
const PLAIN_EVERY_MS = 30_000
const QUERY_LIMIT_MS = 5_000

/** Keeps the status line alive; without a real terminal, a line when something has changed. */
export function showStatus(databaseUrl: string, terminal: Terminal): AsyncDisposable {
  const everyMs = terminal.isInteractive ? INTERACTIVE_EVERY_MS : PLAIN_EVERY_MS
  const db = openDatabase(databaseUrl, {
    max: 1,
    applicationName: 'status-line',
    statementTimeoutMs: QUERY_LIMIT_MS,
    connectTimeoutMs: QUERY_LIMIT_MS,
  })
  const ended = new AbortController()
  const showing = show(db, terminal, everyMs, ended.signal)
  return {
    async [Symbol.asyncDispose]() {
      ended.abort()
      terminal.endStatus()
      await Promise.race([showing, sleep(QUERY_LIMIT_MS, undefined, { ref: false })])
      await db.destroy()
    },
  }
}

async function show(db: Database, terminal: Terminal, everyMs: number, signal: AbortSignal): Promise<void> {
  let before: Figures | undefined
  let shown = ''
  while (!signal.aborted) {
    const now = await readFigures(db, Date.now()).catch(() => undefined)
    if (signal.aborted) return
    const text = now ? statusText(now, before) : 'Postgres does not answer'
    before = now ?? before
    if (text !== shown || terminal.isInteractive) terminal.status(text)
    shown = text
    await sleep(everyMs, undefined, { signal }).catch(() => {})
  }
}
