import type { Readable, Writable } from 'node:stream'
import { LogUnreadable } from '@fluxgate/forensics'
import { ConfigError, type Environment, readConfig } from '@fluxgate/runtime'
import type { CliContext, LogContext } from './command.ts'
import { readCommandLine } from './command-line.ts'
import { type ForensicsConfig, readForensicsConfig } from './config.ts'
import { connectInTime, withoutSecrets } from './connect.nats.ts'
import { localSystem } from './connection-file.fs.ts'
import { openFiles } from './files.fs.ts'
import { openLiveLog } from './live-log.nats.ts'
import { paintOf } from './paint.ts'
import { openProgress } from './progress-bar.timer.ts'
import { rebuildIn } from './rebuild.process.ts'
import { openTables } from './tables.pg.ts'
import { openScreen, screenLog } from './terminal.ts'
import { EXIT, type ExitCode, UserError } from './user-error.ts'

/** Where a command line was typed. */
export interface Terminal {
  readonly input: Readable
  readonly output: Writable
  readonly errors: Writable
  /** Whether a person sees the output, and the errors, with colours and moving bars. */
  readonly colours: boolean
  readonly bars: boolean
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal
}

/** Does what the arguments ask for and resolves to the exit code. */
export async function runForensics(
  args: readonly string[],
  env: Environment,
  terminal: Terminal,
): Promise<ExitCode> {
  const gone = new AbortController()
  const screen = openScreen(terminal.output, terminal.errors, () => gone.abort())
  try {
    const wanted = readCommandLine(args, Date.now())
    if ('help' in wanted) {
      await screen.line(wanted.help.trimEnd())
      return EXIT.done
    }
    const reporter: CliContext = {
      screen,
      paint: paintOf(terminal.colours),
      files: openFiles(terminal.input),
      signal: AbortSignal.any([terminal.interrupted, gone.signal]),
      progress: label => openProgress(terminal.errors, terminal.bars, label),
    }
    const { work } = wanted
    if (work.needs === 'files') return await work.run(reporter)
    const code = await withLog(reporter, readConfig(env, readForensicsConfig), env, bench => work.run(bench))
    return gone.signal.aborted ? EXIT.done : code
  } catch (error) {
    return faultOf(error, screen, terminal)
  }
}

async function withLog(
  reporter: CliContext,
  config: ForensicsConfig,
  env: Environment,
  run: (bench: LogContext) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { natsUrl: stated, dataDir, limits, requestRetentionMs } = config
  const local = stated === undefined ? await localSystem(dataDir) : undefined
  const natsUrl = stated ?? local!.natsUrl
  const databaseUrl = config.databaseUrl ?? local?.databaseUrl
  await using link = await connectInTime(natsUrl, screenLog(reporter.screen), limits.connectTimeoutMs)
  await using tables = databaseUrl === undefined ? undefined : openTables(databaseUrl, requestRetentionMs)
  const places = { NATS_URL: natsUrl, ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }) }
  return await run({
    ...reporter,
    link,
    limits,
    tables,
    live: openLiveLog(link),
    rebuild: rebuildIn({ ...env, ...places }),
    server: natsUrl.split(',').map(withoutSecrets).join(', '),
  })
}

function faultOf(error: unknown, screen: CliContext['screen'], { errors }: Terminal): ExitCode {
  if (error instanceof UserError) {
    // The help text stands for itself.
    if (error.message.includes('\n')) errors.write(`${error.message}\n`)
    else screen.notice(error.message)
    return error.exitCode
  }
  if (error instanceof LogUnreadable) {
    screen.notice(error.message)
    return EXIT.unreachable
  }
  if (!(error instanceof ConfigError)) throw error
  for (const fault of error.faults) screen.notice(fault)
  return EXIT.usage
}
