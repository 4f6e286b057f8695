import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ConfigError, type Environment, EnvReader } from './config.ts'
import { createLog, LOG_LEVELS, type Log, type LogDestination, type LogLevel } from './log.ts'

const STOP_LIMIT_MS = 10_000
/** A service that has not started serves nobody: what it waits for is not worth a longer stop. */
const START_STOP_LIMIT_MS = 2_000

export interface ServiceDefinition<Config, Service extends AsyncDisposable> {
  readonly name: string
  readonly readConfig: (env: EnvReader) => Config
  readonly start: (config: Config, log: Log) => Promise<Service>
  /** Something to tell a parent process when the service is up (ports). */
  readonly describe?: (service: Service) => Record<string, unknown>
  /** Resolves when the service has nothing more to do, if it can end by itself. */
  readonly ended?: (service: Service) => Promise<unknown>
  /** How long an orderly stop may take, in milliseconds; 10 seconds by default. */
  readonly stopLimitMs?: (config: Config) => number
  /** By default standard output. */
  readonly logTo?: LogDestination
  /** In force while LOG_LEVEL is unset; by default `info`. */
  readonly logLevel?: LogLevel
}

/**
 * The life of a service process: configuration → start → (signal, parent gone, or its own end) → dispose. Whatever asks
 * for the stop may come while it is still starting. A configuration fault prints one line each and exits with 2 before
 * any port is bound; a failed start or stop, and an error that nobody caught, log one line and exit with 1.
 */
export async function run<Config, Service extends AsyncDisposable>(
  env: Environment,
  service: ServiceDefinition<Config, Service>,
): Promise<void> {
  const reader = new EnvReader(env)
  const level = reader.oneOf('LOG_LEVEL', LOG_LEVELS, service.logLevel ?? 'info')
  const config = service.readConfig(reader)
  if (reader.faults.length > 0) return fail(service.name, reader.faults)

  // What a service writes is for its user alone: spool, keys, checkpoints.
  process.umask(0o077)
  collectStartupGarbage()
  const log = createLog(service.name, level, service.logTo)
  const stop = listenForStop(log)
  let startLimit: NodeJS.Timeout | undefined
  let phase: 'start' | 'stop' = 'start'
  try {
    void stop.asked.then(() => {
      if (phase === 'start') startLimit = exitIn(START_STOP_LIMIT_MS)
    })
    const running = await service.start(config, log)
    phase = 'stop'
    clearTimeout(startLimit)
    log.info('ready')
    // With a callback, a parent that goes just now is no uncaught error.
    process.send?.({ ready: true, ...service.describe?.(running) }, undefined, undefined, () => {})
    void service.ended?.(running).then(() => stop.ask('its work is done'))
    const why = await stop.asked
    log.info({ why }, 'stopping')
    exitIn(service.stopLimitMs?.(config) ?? STOP_LIMIT_MS)
    await running[Symbol.asyncDispose]()
    log.info('stopped')
  } catch (error) {
    if (error instanceof ConfigError) return fail(service.name, error.faults)
    log.fatal({ err: error }, `${phase} failed: ${(error as Error).message}`)
    process.exitCode = 1
    process.stdout.write('', () => process.exit())
  }
  if (process.connected) process.disconnect()
}

/** Last resort: an open handle, or a server that does not answer, must not keep a stopping process alive. */
function exitIn(ms: number): NodeJS.Timeout {
  return setTimeout(() => process.exit(process.exitCode ?? 0), ms).unref()
}

interface Stop {
  /** Resolves with the first reason. */
  readonly asked: Promise<string>
  ask(why: string): void
}

function listenForStop(log: Log): Stop {
  const { promise: asked, resolve: ask } = Promise.withResolvers<string>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ask(signal))
  process.once('disconnect', () => ask('parent process gone'))
  // It may have gone while our modules were loading, before anybody listened.
  if (process.send && !process.connected) ask('parent process gone')
  let isDying = false
  const die = (error: unknown): void => {
    // What breaks because everything stops would hide the cause.
    if (!isDying) log.fatal({ err: error }, 'unexpected error, stopping')
    isDying = true
    process.exitCode = 1
    ask('unexpected error')
  }
  process.on('unhandledRejection', die)
  process.on('uncaughtException', die)
  return { asked, ask }
}

function fail(service: string, faults: readonly string[]): void {
  for (const fault of faults) process.stderr.write(`${service}: ${fault}\n`)
  process.exitCode = 2
  if (process.connected) process.disconnect()
}

/**
 * Gives back what loading modules has left: sources, syntax trees, a young heap grown for them; 40 MB of a gateway, in some
 * 80 ms. V8 itself comes to it when the heap is next in need, which a service with little to do may never see.
 */
export function collectStartupGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as NodeJS.GCFunction
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
