import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { EXIT, type ExitCode, Trouble } from '../core/fault.ts'
import type { LogReader } from '../core/log-reader.ts'
import type { Paint } from '../core/paint.ts'
import type { Screen } from '../core/screen.ts'
import type { TailLimits } from '../core/tail.ts'

/** What a command works with. */
export interface Workbench {
  readonly log: LogReader
  readonly screen: Screen
  readonly paint: Paint
  readonly limits: TailLimits
  /** Ends the work: Ctrl-C, or nobody reads the output any more. */
  readonly signal: AbortSignal
}

export type Work = (bench: Workbench) => Promise<ExitCode>

export interface Command {
  readonly name: string
  readonly summary: string
  /** What `--help` prints. */
  readonly help: string
  /** Reads the arguments, before anything is connected. @throws Trouble */
  prepare(args: readonly string[], nowMs: number): Work
}

/** `parseArgs`, with its complaints as {@link Trouble}. */
export function parsed<const O extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  options: O,
  positionals: { readonly min: number; readonly max: number },
) {
  try {
    const found = parseArgs({ args: [...args], options, allowPositionals: positionals.max > 0 })
    const count = found.positionals.length
    if (count < positionals.min) throw new Error('an argument is missing')
    if (count > positionals.max) throw new Error(`too many arguments: ${found.positionals.join(' ')}`)
    return found
  } catch (cause) {
    throw usage(command, (cause as Error).message, cause)
  }
}

export function usage(command: string, message: string, cause?: unknown): Trouble {
  const [first = ''] = message.split('. ')
  return new Trouble(EXIT.usage, `${first} (see forensics ${command} --help)`, { cause })
}
