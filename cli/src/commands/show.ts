import { parsePosition, STREAMS, type StoredEvent } from '@fluxgate/contracts'
import { eventAt, findEvent, timeOfId } from '@fluxgate/forensics'
import { JSON_HELP, JSON_OPTION, momentOf } from '../arguments.ts'
import { type Command, type LogContext, overLog, parsed, usage } from '../command.ts'
import { eventJson, eventPage } from '../render.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics show <event id> [options]
       forensics show <STREAM>:<sequence>[.<index>] [options]

Shows one event in full, found by its id or by its position in the log. The index tells which event
of a batch it is; without it the first one is shown.

  --since <moment>     search from here on: 5m, 2h, 1d ago, or 2026-11-23T05:00Z; by default from the
                       time in the id, or from the beginning for an id that tells no time
${JSON_HELP}

Exit code 1: there is no such event (any more).
`

const OPTIONS = { since: { type: 'string' }, ...JSON_OPTION } as const
const ALL = Object.values(STREAMS)

export const show: Command = {
  name: 'show',
  summary: 'show one event in full',
  help: HELP,

  prepare(args, nowMs) {
    const { values, positionals } = parsed('show', args, OPTIONS, { min: 1, max: 1 })
    const [wanted = ''] = positionals
    const find = finder(wanted, values.since, nowMs)
    return overLog(async bench => {
      const entry = await find(bench)
      if (bench.signal.aborted) return EXIT.interrupted
      if (!entry) {
        bench.screen.notice(`${wanted} is not in the log`)
        return EXIT.no
      }
      await bench.screen.line(values.json ? eventJson(entry) : eventPage(entry, bench.paint))
      return EXIT.done
    })
  },
}

function finder(
  wanted: string,
  since: string | undefined,
  nowMs: number,
): (bench: LogContext) => Promise<StoredEvent | undefined> {
  const position = parsePosition(wanted.toUpperCase())
  if (position) {
    if (!ALL.includes(position.stream)) throw usage('show', `${position.stream} is none of ${ALL.join(', ')}`)
    return async ({ link }) => {
      const found = await eventAt(link, position)
      return found && 'event' in found ? found : undefined
    }
  }
  if (!/^[0-9A-Za-z_-]{16,64}$/.test(wanted)) {
    throw usage('show', `${wanted} is neither an event id nor <STREAM>:<sequence>[.<index>]`)
  }
  const fromMs = since === undefined ? timeOfId(wanted) : momentOf('show', '--since', since, nowMs)
  return ({ link, signal }) => findEvent(link, wanted, fromMs, signal)
}
