import type { Writable } from 'node:stream'
import { ConfigError, type Environment, readConfig } from '@fluxgate/runtime'
import { readForensicsConfig } from './config.ts'
import { EXIT, type ExitCode, Trouble } from './core/fault.ts'
import { paintOf } from './core/paint.ts'
import { readCommandLine } from './in/command-line.ts'
import { connectInTime } from './out/connect.ts'
import { localNatsUrl } from './out/connection-file.ts'
import { openLogReader } from './out/log-reader.ts'
import { openScreen, screenLog } from './out/screen.ts'

/** Where a command line was typed. */
export interface Terminal {
  readonly output: Writable
  readonly errors: Writable
  readonly colours: boolean
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
    const { natsUrl, dataDir, limits } = readConfig(env, readForensicsConfig)
    const url = natsUrl ?? (await localNatsUrl(dataDir))
    await using link = await connectInTime(url, screenLog(screen), limits.connectTimeoutMs)
    const code = await wanted.work({
      ...{ screen, limits, log: openLogReader(link), paint: paintOf(terminal.colours) },
      signal: AbortSignal.any([terminal.interrupted, gone.signal]),
    })
    return gone.signal.aborted ? EXIT.done : code
  } catch (error) {
    if (error instanceof Trouble) {
      // The help text stands for itself.
      if (error.message.includes('\n')) terminal.errors.write(`${error.message}\n`)
      else screen.notice(error.message)
      return error.exitCode
    }
    if (!(error instanceof ConfigError)) throw error
    for (const fault of error.faults) screen.notice(fault)
    return EXIT.usage
  }
}
