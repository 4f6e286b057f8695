import {
  FILTER_HELP,
  FILTER_OPTIONS,
  filterOf,
  JSON_HELP,
  JSON_OPTION,
  limitOf,
  momentOf,
} from '../arguments.ts'
import { type Command, overLog, parsed } from '../command.ts'
import { eventJson, eventLine } from '../render.ts'
import { tail as follow } from '../tail.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics tail [options]

Shows the events of the log as they are published, until Ctrl-C.

${FILTER_HELP}
  --text <text>        only events that hold this text, in any case
  --since <moment>     begin in the past: 5m, 2h, 1d ago, or 2026-11-23T05:00Z
  --limit <n>          end after so many events
${JSON_HELP}

A live event is shown as it passes, before its stream has numbered it.
`

const OPTIONS = {
  ...FILTER_OPTIONS,
  text: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string' },
  ...JSON_OPTION,
} as const

export const tail: Command = {
  name: 'tail',
  summary: 'show the events of the log as they come',
  help: HELP,

  prepare(args, nowMs) {
    const { values } = parsed('tail', args, OPTIONS, { min: 0, max: 0 })
    const filter = { ...filterOf('tail', values), text: values.text }
    const fromMs = values.since === undefined ? undefined : momentOf('tail', '--since', values.since, nowMs)
    const limit = limitOf('tail', values.limit)

    return overLog(async ({ live, screen, paint, limits, signal }) => {
      let left = limit
      const options = { filter, fromMs, limits, notice: screen.notice }
      for await (const entry of follow(live, options, signal)) {
        await screen.line(values.json ? eventJson(entry) : eventLine(entry, paint))
        if (--left <= 0) break
      }
      // Ctrl-C is how a tail ends.
      return EXIT.done
    })
  },
}
