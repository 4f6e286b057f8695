import { ConfigError, createLog, readConfig } from '@fluxgate/runtime'
import { compareTables } from './compare.nats.ts'
import { readProjectionConfig } from './config.ts'

/**
 * Compares the projected tables with the log. Standard output gets a line of JSON for each row that differs, and at the end
 * `{"holds": …, "compared": [tables]}`. Exit status 0 when they are equal, 1 when not or when it could not be found out, 2
 * for a wrong setting.
 */
const write = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

try {
  const config = readConfig(process.env, readProjectionConfig)
  const { differences, ...verdict } = await compareTables(config, createLog('compare', 'warn', 'stderr'))
  for (const difference of differences) write(difference)
  write(verdict)
  process.exitCode = verdict.holds ? 0 : 1
} catch (error) {
  const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
  for (const line of lines) process.stderr.write(`compare: ${line}\n`)
  process.exitCode = error instanceof ConfigError ? 2 : 1
}
