import type { Command, Work } from './command.ts'
import { at } from './commands/at.ts'
import { exportLog } from './commands/export.ts'
import { grep } from './commands/grep.ts'
import { importLog } from './commands/import.ts'
import { rebuild } from './commands/rebuild.ts'
import { reprice } from './commands/reprice.ts'
import { show } from './commands/show.ts'
import { tail } from './commands/tail.ts'
import { timeline } from './commands/timeline.ts'
import { trace } from './commands/trace.ts'
import { verify } from './commands/verify.ts'
import { whatif } from './commands/whatif.ts'
import { EXIT, UserError } from './user-error.ts'

const COMMANDS: readonly Command[] = [
  ...[tail, grep, show, trace, timeline, at],
  ...[verify, whatif, reprice, exportLog, importLog, rebuild],
]

const HELP = `Usage: forensics <command> [options]

Looks at the event log. Only import and rebuild write anything: into another log, and into the tables.

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}

Each command has --help and --json (one JSON object a line).

The log is the one at NATS_URL, or that of the system that npm start runs here (FLUXGATE_DATA_DIR).
DATABASE_URL names the tables that verify compares with and rebuild makes anew. Progress and notices go to standard error.
Colours are used on a terminal, unless NO_COLOR is set.

Exit codes: 0 done, 1 not found or does not hold, 2 wrong arguments or environment, 3 the log cannot be reached,
130 interrupted.
`

const HELP_WORDS = ['--help', '-h', 'help']

/** What the arguments ask for: a text to print, or work to do. @throws UserError */
export function readCommandLine(
  args: readonly string[],
  nowMs: number,
): { readonly help: string } | { readonly work: Work } {
  const [name, ...rest] = args
  if (name === undefined) throw new UserError(EXIT.usage, HELP.trimEnd())
  if (HELP_WORDS.includes(name)) return { help: COMMANDS.find(each => each.name === rest[0])?.help ?? HELP }
  const command = COMMANDS.find(each => each.name === name)
  if (!command) {
    const known = COMMANDS.map(each => each.name).join(', ')
    throw new UserError(EXIT.usage, `${name} is none of ${known} (see forensics --help)`)
  }
  if (rest.includes('--help') || rest.includes('-h')) return { help: command.help }
  return { work: command.prepare(rest, nowMs) }
}
