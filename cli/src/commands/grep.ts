import { matches, readEvents, sourcesOf } from '@fluxgate/forensics'
import {
  FILTER_HELP,
  FILTER_OPTIONS,
  filterOf,
  JSON_HELP,
  JSON_OPTION,
  limitOf,
  RANGE_HELP,
  RANGE_OPTIONS,
  rangeOf,
} from '../arguments.ts'
import { type Command, overLog, parsed, reading, usage } from '../command.ts'
import { eventJson, eventLine } from '../render.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics grep <text> [options]

Shows the events of the log that hold a text, in any case, in the order in which they were stored. The text is looked for in
the event's JSON, so a request id, an address, a model or "status":500 are all found.

${RANGE_HELP}
${FILTER_HELP}
  -E, --regexp         the text is a regular expression
  --limit <n>          end after so many events
  --count              only tell how many there are
${JSON_HELP}

Exit code 1: there are none.
`

const OPTIONS = {
  ...RANGE_OPTIONS,
  ...FILTER_OPTIONS,
  regexp: { type: 'boolean', short: 'E', default: false },
  limit: { type: 'string' },
  count: { type: 'boolean', default: false },
  ...JSON_OPTION,
} as const

export const grep: Command = {
  name: 'grep',
  summary: 'search the log for a text',
  help: HELP,

  prepare(args, nowMs) {
    const { values, positionals } = parsed('grep', args, OPTIONS, { min: 1, max: 1 })
    const [text = ''] = positionals
    const range = rangeOf('grep', values, nowMs)
    const wanted = filterOf('grep', values)
    const filter = { ...wanted, text: values.regexp ? undefined : text }
    const pattern = values.regexp ? patternOf(text) : undefined
    const limit = limitOf('grep', values.limit)

    return overLog(async bench => {
      const { link, screen, paint, signal } = bench
      let found = 0
      await reading(bench, 'searching', async options => {
        for await (const entries of readEvents(link, sourcesOf(filter), range, options)) {
          for (const entry of entries) {
            if (!matches(filter, entry.event) || (pattern && !pattern.test(JSON.stringify(entry.event))))
              continue
            found++
            if (!values.count) await screen.line(values.json ? eventJson(entry) : eventLine(entry, paint))
            if (found >= limit) return
          }
        }
      })
      if (signal.aborted) return EXIT.interrupted
      if (values.count) await screen.line(values.json ? JSON.stringify({ count: found }) : String(found))
      return found > 0 ? EXIT.done : EXIT.no
    })
  },
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text, 'iu')
  } catch (cause) {
    throw usage('grep', (cause as Error).message, cause)
  }
}
