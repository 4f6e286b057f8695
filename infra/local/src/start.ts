import { ConfigError, readConfig } from '@fluxgate/runtime'
import { banner } from './banner.ts'
import { readLocalConfig } from './config.ts'
import { startLocal } from './local.ts'
import { showStatus } from './status-line.ts'
import { listenForStop } from './stop-signals.ts'
import { ChildFailed } from './supervisor/life.ts'
import type { Supervisor } from './supervisor/supervisor.ts'
import { Terminal } from './terminal.ts'

/** `npm start`: everything on one machine until Ctrl-C. `--watch`, from `npm run dev`: services start again as files change. */
// What it and its children write is for this user alone.
process.umask(0o077)
const terminal = new Terminal(process.stdout)
let supervisor: Supervisor | undefined
const signals = listenForStop(() => {
  supervisor?.kill()
  terminal.line('Killed.')
  process.exit(130)
})
let stopping = false
const stopped = signals.first.then(async () => {
  stopping = true
  terminal.endStatus()
  terminal.line('Stopping; Ctrl-C again kills at once.')
  await supervisor?.stop()
})

try {
  const config = readConfig(process.env, readLocalConfig)
  const hold = (held: Supervisor) => {
    supervisor = held
    if (stopping) throw new Error('stopped before anything was started')
  }
  await using local = await startLocal(config, process.env, notice => terminal.notice(notice), {
    hold,
    watch: process.argv.includes('--watch'),
  })
  for (const line of banner(local.connection, local.models, process.cwd())) terminal.line(line)
  await using _ = showStatus(local.connection.databaseUrl, terminal)
  await stopped
} catch (error) {
  // A start that was broken off fails where it was.
  if (!stopping) {
    tell(error)
    process.exitCode = 1
  }
}
await supervisor?.stop()
if (stopping) terminal.line('Stopped. The data stays for the next start.')
signals.close()

function tell(error: unknown): void {
  if (error instanceof ConfigError) for (const fault of error.faults) terminal.line(fault)
  else if (error instanceof ChildFailed) terminal.line(error.message)
  else terminal.line(error instanceof Error ? (error.stack ?? error.message) : String(error))
}
