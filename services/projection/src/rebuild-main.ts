import { ConfigError, createLog, readConfig } from '@fluxgate/runtime'
import { readRebuildConfig, rebuild } from './rebuild.nats.ts'

/**
 * Rebuilds the projections. Standard output gets a line of JSON twice a second, `{"done": n, "total": n}`, and at the end
 * `{"swapped": {"<stream>": {"live": n, "rebuilt": n}}}`; the log is on standard error. Exit status 0 when swapped, 1
 * when not (a signal, a fault), 2 for a wrong setting. Started again it goes on where it stopped.
 */
const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort())
const tell = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

try {
  const config = readConfig(process.env, readRebuildConfig)
  const options = { onProgress: tell, signal: interrupt.signal }
  const positions = await rebuild(config, createLog('rebuild', 'info', 'stderr'), options)
  if (positions) tell({ swapped: Object.fromEntries(positions) })
  else process.exitCode = 1
} catch (error) {
  const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
  for (const line of lines) process.stderr.write(`rebuild: ${line}\n`)
  process.exitCode = error instanceof ConfigError ? 2 : 1
}
