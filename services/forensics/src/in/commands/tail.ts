import { EVENTS, STREAMS, type StreamName } from '@fluxgate/contracts'
import type { EventFilter } from '../../core/event-filter.ts'
import { EXIT } from '../../core/fault.ts'
import { parseMoment } from '../../core/moment.ts'
import { factJson, factLine } from '../../core/render.ts'
import { tail as follow } from '../../core/tail.ts'
import { type Command, parsed, usage } from '../command.ts'

const HELP = `Usage: forensics tail [options]

Shows the events of the log as they are published, until Ctrl-C.

  --stream <name>      only this stream: ${Object.keys(STREAMS).join(', ')}; may be repeated
  --identity <id>      only this user, or <user>.<key>
  --fact <fact>        only this fact, such as settled or tokens.settled
  --text <text>        only events that hold this text, in any case
  --since <moment>     begin in the past: 5m, 2h, 1d ago, or 2026-11-23T05:00Z
  --limit <n>          end after so many events
  --json               one JSON object a line
  -h, --help           this text

A live event is shown as it passes, before its stream has numbered it.
`

const OPTIONS = {
  stream: { type: 'string', multiple: true },
  identity: { type: 'string' },
  fact: { type: 'string' },
  text: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

export const tail: Command = {
  name: 'tail',
  summary: 'show the events of the log as they come',
  help: HELP,

  prepare(args, nowMs) {
    const { values } = parsed('tail', args, OPTIONS, { min: 0, max: 0 })
    const filter: EventFilter = {
      ...streamsAndFact(values.stream, values.fact),
      ...identity(values.identity),
      text: values.text,
    }
    const fromMs = values.since === undefined ? undefined : moment(values.since, nowMs)
    const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit)
    if (!(limit >= 1)) throw usage('tail', `--limit ${values.limit} is not a number of events`)

    return async ({ log, screen, paint, limits, signal }) => {
      let left = limit
      const options = { filter, fromMs, limits, notice: screen.notice }
      for await (const fact of follow(log, options, signal)) {
        await screen.line(values.json ? factJson(fact) : factLine(fact, paint))
        if (--left <= 0) break
      }
      // Ctrl-C is how a tail ends.
      return EXIT.done
    }
  },
}

/** A fact may name its stream; without one, all streams that know the fact are meant. */
function streamsAndFact(
  streams: readonly string[] | undefined,
  text: string | undefined,
): Pick<EventFilter, 'streams' | 'fact'> {
  const [first, second] = text?.toLowerCase().split('.') ?? []
  const fact = second ?? first
  const named = second === undefined ? (streams ?? Object.keys(STREAMS)) : [first ?? '']
  const wanted = named.flatMap(name => name.toLowerCase().split(',')).map(streamOf)
  if (fact !== undefined && !EVENTS.some(event => event.fact === fact && wanted.includes(event.stream))) {
    const known = EVENTS.filter(({ stream }) => wanted.includes(stream)).map(event => event.name)
    throw usage('tail', `--fact ${text} is none of ${known.join(', ')}`)
  }
  return { streams: [...new Set(wanted)], fact }
}

function streamOf(name: string): StreamName {
  if (Object.hasOwn(STREAMS, name)) return name as StreamName
  throw usage('tail', `--stream ${name} is none of ${Object.keys(STREAMS).join(', ')}`)
}

function identity(text: string | undefined): Pick<EventFilter, 'user' | 'key'> {
  if (text === undefined) return {}
  const match = /^([A-Za-z0-9_-]{1,64})(?:\.([A-Za-z0-9_-]{1,64}))?$/.exec(text)
  if (!match) throw usage('tail', `--identity ${text} is neither <user> nor <user>.<key>`)
  return { user: match[1], key: match[2] }
}

function moment(text: string, nowMs: number): number {
  const atMs = parseMoment(text, nowMs)
  if (atMs === undefined) throw usage('tail', `--since ${text} is neither a span such as 5m nor an ISO time`)
  return atMs
}
