import { JSON_HELP, JSON_OPTION } from '../arguments.ts'
import { type Command, overLog, parsed } from '../command.ts'
import { jsonLine } from '../paint.ts'
import { EXIT, UserError } from '../user-error.ts'

const HELP = `Usage: forensics rebuild [options]

Builds the read models anew out of the whole log, beside the live ones, and swaps them in when they have caught up. The live
projection and all readers go on meanwhile. Needs DATABASE_URL of the tables' owner. Interrupted or killed, it goes on where it
stopped when it is started again.

  --accept-loss        go on although retention has dropped the log's beginning: rows of that time will be gone
${JSON_HELP}

Exit code 1: the tables were not swapped, and stay as they were.
`

const OPTIONS = { 'accept-loss': { type: 'boolean', default: false }, ...JSON_OPTION } as const

export const rebuild: Command = {
  name: 'rebuild',
  summary: 'build the tables anew beside the live ones, and swap them',
  help: HELP,

  prepare(args) {
    const { values } = parsed('rebuild', args, OPTIONS, { min: 0, max: 0 })
    return overLog(async bench => {
      const { screen, signal } = bench
      if (!bench.tables) throw new UserError(EXIT.usage, 'no tables to rebuild: DATABASE_URL is not set')
      let messages = 0
      using progress = bench.progress('rebuilding')
      const options = { acceptLoss: values['accept-loss'] }
      const fault = await bench.rebuild(
        options,
        ({ done, total }) => {
          messages = done
          progress.at(done, total)
        },
        signal,
      )
      if (signal.aborted) return EXIT.interrupted
      if (fault !== undefined) {
        screen.notice(`the tables were not swapped: ${fault}`)
        return EXIT.no
      }
      const text = `rebuilt from ${messages.toLocaleString('en')} messages, and swapped`
      await screen.line(values.json ? jsonLine({ kind: 'rebuilt', messages }) : text)
      return EXIT.done
    })
  },
}
