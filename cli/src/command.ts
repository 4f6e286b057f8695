import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { ProjectedView, Reading } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import type { LiveLog } from './live-log.ts'
import type { Paint } from './paint.ts'
import type { TailLimits } from './tail.ts'
import { EXIT, type ExitCode, UserError } from './user-error.ts'

/** Where a command shows what it finds. */
export interface Screen {
  /** Resolves when there is room for more. */
  line(text: string): Promise<void>
  /** Beside what is found, for a person. */
  notice(text: string): void
}

/** Files that a command is given. A fault is an error of the user who named them. */
export interface Files {
  /** @throws UserError */
  text(path: string): Promise<string>
  /** Line by line, without line ends; `-` is standard input. @throws UserError */
  lines(path: string): AsyncGenerator<string>
  /** A new file, readable by its owner alone; one that is there is not overwritten. @throws UserError */
  create(path: string): Promise<NewFile>
}

export interface NewFile extends AsyncDisposable {
  /** Resolves when there is room for more. */
  write(lines: readonly string[]): Promise<void>
}

/** How far long work is, for a person who waits. */
export interface Progress extends Disposable {
  at(done: number, of: number): void
}

/** Messages of the log that are folded anew. */
export interface RebuildProgress {
  readonly done: number
  readonly total: number
}

/** Builds the tables anew beside the live ones and swaps them. @returns undefined when it is done, or why it is not */
export type Rebuild = (
  options: { readonly acceptLoss: boolean },
  onProgress: (progress: RebuildProgress) => void,
  signal: AbortSignal,
) => Promise<string | undefined>

/** What every command works with. */
export interface CliContext {
  readonly screen: Screen
  readonly paint: Paint
  readonly files: Files
  /** Ends the work: Ctrl-C, or nobody reads the output any more. */
  readonly signal: AbortSignal
  progress(label: string): Progress
}

/** What a command over the log works with. */
export interface LogContext extends CliContext {
  readonly link: NatsLink
  /** Host and port of the server. */
  readonly server: string
  readonly live: LiveLog
  readonly limits: TailLimits
  /** The tables, where a database is known. */
  readonly tables: ProjectedView | undefined
  readonly rebuild: Rebuild
}

/** Work over files alone needs no log. */
export type Work =
  | { readonly needs: 'log'; run(bench: LogContext): Promise<ExitCode> }
  | { readonly needs: 'files'; run(reporter: CliContext): Promise<ExitCode> }

export interface Command {
  readonly name: string
  readonly summary: string
  /** What `--help` prints. */
  readonly help: string
  /** Reads the arguments, before anything is connected. @throws UserError */
  prepare(args: readonly string[], nowMs: number): Work
}

/** Work over the log. */
export function overLog(run: (bench: LogContext) => Promise<ExitCode>): Work {
  return { needs: 'log', run }
}

/** Reads with a progress bar, until Ctrl-C. */
export async function reading<T>(
  reporter: CliContext,
  label: string,
  work: (options: Reading) => Promise<T>,
): Promise<T> {
  using progress = reporter.progress(label)
  return await work({ signal: reporter.signal, onProgress: (done, of) => progress.at(done, of) })
}

/** `parseArgs`, with its complaints as {@link UserError}. */
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

export function usage(command: string, message: string, cause?: unknown): UserError {
  const [first = ''] = message.split('. ')
  return new UserError(EXIT.usage, `${first} (see forensics ${command} --help)`, { cause })
}
