import { join, resolve } from 'node:path'
import { ConfigError, readConfig } from '@fluxgate/runtime'
import { SERVICES, serviceChild } from './children.ts'
import { joinSettings, readJoinConfig } from './join.ts'
import { listenForStop } from './stop-signals.ts'
import { ChildFailed } from './supervisor/life.ts'
import { SUPERVISOR_DEFAULTS, Supervisor } from './supervisor/supervisor.ts'
import { Terminal } from './terminal.ts'

/** `npm run gateway`: one more gateway node for the system that runs, until Ctrl-C. */
const terminal = new Terminal(process.stdout)
let supervisor: Supervisor | undefined
const signals = listenForStop(() => {
  supervisor?.kill()
  process.exit(130)
})

try {
  const config = readConfig(process.env, readJoinConfig)
  const settings = await joinSettings(config, process.env)
  const gateway = SERVICES.find(service => service.name === 'gateway')
  if (!gateway) throw new Error('the table of services has no gateway')
  const spec = serviceChild(gateway, { ...process.env, ...settings })
  const logDir = join(resolve(config.dataDir), 'logs')
  supervisor = new Supervisor({ ...SUPERVISOR_DEFAULTS, logDir }, notice => terminal.notice(notice))
  const held = supervisor
  const stopped = signals.first.then(() => held.stop())
  await supervisor.start({ ...spec, name: settings.NODE_ID })
  const scheme = settings.TLS === 'off' ? 'http' : 'https'
  terminal.line(`Gateway ${settings.NODE_ID} has joined: ${scheme}://localhost:${settings.PUBLIC_PORT}`)
  terminal.line(`Admin: http://127.0.0.1:${settings.ADMIN_PORT}   Stop: Ctrl-C`)
  await stopped
} catch (error) {
  const lines = error instanceof ConfigError ? error.faults : [describe(error)]
  for (const line of lines) terminal.line(line)
  process.exitCode = 1
}
await supervisor?.stop()
signals.close()

function describe(error: unknown): string {
  if (error instanceof ChildFailed) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
