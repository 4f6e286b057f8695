import { findRequest, missingOf, stepsOf, timeOfId } from '@fluxgate/forensics'
import { JSON_OPTION, momentOf } from '../arguments.ts'
import { type Command, overLog, parsed, usage } from '../command.ts'
import { eventJson, spanText, stepLine } from '../render.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics trace <request id> [options]

Shows every event of one request in the order of time: how long after the first, and after the one before. The id is
the x-request-id of the response.

  --since <moment>     search from here on: 5m, 2h, 1d ago, or 2026-11-23T05:00Z; by default from the
                       time in the id, or from the beginning for an id that tells no time
  --json               one JSON object a line, with sinceStartMs and sinceLastMs
  -h, --help           this text

Exit code 1: nothing in the log tells of this request.
`

const OPTIONS = { since: { type: 'string' }, ...JSON_OPTION } as const

export const trace: Command = {
  name: 'trace',
  summary: 'show all events of one request, with the delays between',
  help: HELP,

  prepare(args, nowMs) {
    const { values, positionals } = parsed('trace', args, OPTIONS, { min: 1, max: 1 })
    const [request = ''] = positionals
    if (!/^[0-9A-Za-z_-]{8,64}$/.test(request)) throw usage('trace', `${request} is not a request id`)
    const { since } = values
    const fromMs = since === undefined ? timeOfId(request) : momentOf('trace', '--since', since, nowMs)

    return overLog(async ({ link, screen, paint, signal }) => {
      const { items: entries } = await findRequest(link, { request, fromMs }, signal)
      if (signal.aborted) return EXIT.interrupted
      const [first, ...rest] = stepsOf(entries)
      if (!first) {
        screen.notice(`nothing in the log tells of request ${request}`)
        return EXIT.no
      }
      const last = rest.at(-1) ?? first
      if (!values.json) {
        const whole = `${entries.length} events in ${spanText(last.sinceStartMs)}`
        await screen.line(`${paint.strong(request)} from ${first.event.time}, ${whole}`)
      }
      for (const step of [first, ...rest]) {
        const { sinceStartMs, sinceLastMs } = step
        await screen.line(
          values.json ? eventJson(step, { sinceStartMs, sinceLastMs }) : stepLine(step, paint),
        )
      }
      const missing = missingOf(entries)
      if (missing.length > 0) screen.notice(`not in the log (yet): ${missing.join(', ')}`)
      return EXIT.done
    })
  },
}
