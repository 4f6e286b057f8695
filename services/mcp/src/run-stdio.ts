import { ConfigError, type Environment, readConfig } from '@fluxgate/runtime'
import { readStdioConfig } from './config.ts'
import { stderrLog } from './out/stderr-log.ts'
import { startMcp } from './service.ts'

/** How long a handle that stays open may keep a stopped server alive. */
const STOP_LIMIT_MS = 10_000

/**
 * The life of a server that a client starts and speaks to over standard input and output: it ends when the client
 * closes its end, or with a signal. Standard output belongs to the protocol, so everything else goes to standard error.
 */
export async function runStdio(env: Environment): Promise<void> {
  const log = stderrLog(process.stderr)
  try {
    const config = readConfig(env, readStdioConfig)
    const signalled = new Promise<void>(resolve => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    })
    await using mcp = await startMcp(config, log)
    await Promise.race([mcp.ended, signalled])
  } catch (error) {
    const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
    for (const line of lines) process.stderr.write(`mcp: ${line}\n`)
    process.exitCode = error instanceof ConfigError ? 2 : 1
  }
  setTimeout(() => process.exit(), STOP_LIMIT_MS).unref()
}
