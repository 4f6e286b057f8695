import { ConfigError, createLog, readConfig } from '@fluxgate/runtime'
import { readRebuildConfig, rebuild } from './rebuild.ts'

try {
  await rebuild(readConfig(process.env, readRebuildConfig), createLog('rebuild', 'info'))
} catch (error) {
  const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
  for (const line of lines) process.stderr.write(`rebuild: ${line}\n`)
  process.exitCode = error instanceof ConfigError ? 2 : 1
}
