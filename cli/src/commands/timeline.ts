import { timeline as read } from '@fluxgate/forensics'
import { identityFilterOf, JSON_HELP, JSON_OPTION, RANGE_HELP, RANGE_OPTIONS, rangeOf } from '../arguments.ts'
import { type Command, overLog, parsed, reading } from '../command.ts'
import { eventJson, eventLine } from '../render.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics timeline <user>[.<key>] [options]

Shows everything that the log tells of a user or a key, in the order in which it was stored: requests, tokens, keys and
logins, throttles, and the incidents about it.

${RANGE_HELP}
${JSON_HELP}

Exit code 1: the range has no event of it.
`

export const timeline: Command = {
  name: 'timeline',
  summary: 'show everything about one user or key',
  help: HELP,

  prepare(args, nowMs) {
    const { values, positionals } = parsed(
      'timeline',
      args,
      { ...RANGE_OPTIONS, ...JSON_OPTION },
      { min: 1, max: 1 },
    )
    const filter = identityFilterOf('timeline', '', positionals[0] ?? '')
    const range = rangeOf('timeline', values, nowMs)

    return overLog(async bench => {
      let found = 0
      await reading(bench, 'reading', async options => {
        for await (const entries of read(bench.link, filter, range, options)) {
          found += entries.length
          for (const entry of entries)
            await bench.screen.line(values.json ? eventJson(entry) : eventLine(entry, bench.paint))
        }
      })
      if (bench.signal.aborted) return EXIT.interrupted
      if (found === 0) bench.screen.notice(`nothing in the log tells of ${positionals[0]} in that range`)
      return found > 0 ? EXIT.done : EXIT.no
    })
  },
}
