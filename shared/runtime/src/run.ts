import { ConfigError, type Environment, EnvReader } from './config.ts'
import { createLog, type Log } from './log.ts'

const STOP_LIMIT_MS = 10_000
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export interface ServiceDefinition<Config> {
  readonly name: string
  readonly readConfig: (env: EnvReader) => Config
  readonly start: (config: Config, log: Log) => Promise<AsyncDisposable>
  /** Something to tell a parent process when the service is up (ports). */
  readonly describe?: (service: AsyncDisposable) => Record<string, unknown>
}

/**
 * The life of a service process: configuration → start → (signal or parent gone) → dispose.
 * A configuration fault prints one line each and exits with 2 before any port is bound; a failed start exits with 1.
 */
export async function run<Config>(env: Environment, service: ServiceDefinition<Config>): Promise<void> {
  const reader = new EnvReader(env)
  const level = reader.oneOf('LOG_LEVEL', LOG_LEVELS, 'info')
  const config = service.readConfig(reader)
  if (reader.faults.length > 0) return fail(service.name, reader.faults)

  const log = createLog(service.name, level)
  let stop: (why: string) => void = () => {}
  const stopped = new Promise<string>(resolve => {
    stop = resolve
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop(signal))
  process.once('disconnect', () => stop('parent process gone'))
  process.on('unhandledRejection', error => die(log, error, stop))
  process.on('uncaughtException', error => die(log, error, stop))

  try {
    const running = await service.start(config, log)
    log.info('ready')
    process.send?.({ ready: true, ...service.describe?.(running) })
    const why = await stopped
    log.info({ why }, 'stopping')
    // Last resort: an open handle must not keep a stopped service alive.
    setTimeout(() => process.exit(process.exitCode ?? 0), STOP_LIMIT_MS).unref()
    await running[Symbol.asyncDispose]()
    log.info('stopped')
  } catch (error) {
    if (error instanceof ConfigError) return fail(service.name, error.faults)
    log.fatal({ err: error }, `start failed: ${(error as Error).message}`)
    process.exitCode = 1
    process.stdout.write('', () => process.exit())
  }
  if (process.connected) process.disconnect()
}

function fail(service: string, faults: readonly string[]): void {
  for (const fault of faults) process.stderr.write(`${service}: ${fault}\n`)
  process.exitCode = 2
  if (process.connected) process.disconnect()
}

function die(log: Log, error: unknown, stop: (why: string) => void): void {
  log.fatal({ err: error }, 'unexpected error, stopping')
  process.exitCode = 1
  stop('unexpected error')
}
