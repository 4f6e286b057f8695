import { EVENTS, STREAMS, type StreamName } from '@fluxgate/contracts'
import { type EventFilter, parseMoment, type Range, type Whom } from '@fluxgate/forensics'
import { usage } from './command.ts'

/** Options that many commands share, and what their texts mean. */
export const JSON_OPTION = { json: { type: 'boolean', default: false } } as const
export const RANGE_OPTIONS = { from: { type: 'string' }, to: { type: 'string' } } as const
export const FILTER_OPTIONS = {
  stream: { type: 'string', multiple: true },
  identity: { type: 'string' },
  fact: { type: 'string' },
} as const

export const RANGE_HELP = `  --from <moment>      only what was stored from then on: 5m, 2h, 1d ago, or 2026-11-23T05:00Z
  --to <moment>        only what was stored up to then`
export const FILTER_HELP = `  --stream <name>      only this stream: ${Object.keys(STREAMS).join(', ')}; may be repeated
  --identity <id>      only this user, or <user>.<key>
  --fact <fact>        only this fact, such as settled or tokens.settled`
export const JSON_HELP = `  --json               one JSON object a line
  -h, --help           this text`

export function momentOf(command: string, option: string, text: string, nowMs: number): number {
  const atMs = parseMoment(text, nowMs)
  if (atMs === undefined)
    throw usage(command, `${option} ${text} is neither a span such as 5m nor an ISO time`)
  return atMs
}

export function rangeOf(
  command: string,
  { from, to }: { from?: string | undefined; to?: string | undefined },
  nowMs: number,
): Range {
  const fromMs = from === undefined ? undefined : momentOf(command, '--from', from, nowMs)
  const toMs = to === undefined ? undefined : momentOf(command, '--to', to, nowMs)
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) {
    throw usage(command, `--from ${from} is after --to ${to}`)
  }
  return { fromMs, toMs }
}

export function limitOf(command: string, text: string | undefined): number {
  const limit = text === undefined ? Number.POSITIVE_INFINITY : Number(text)
  if (!(limit >= 1)) throw usage(command, `--limit ${text} is not a number of events`)
  return limit
}

export function filterOf(
  command: string,
  values: { stream?: string[] | undefined; identity?: string | undefined; fact?: string | undefined },
): EventFilter {
  const whom = values.identity === undefined ? {} : whomOf(command, '--identity ', values.identity)
  return { ...streamsAndFact(command, values.stream, values.fact), ...whom }
}

export function whomOf(command: string, option: string, text: string): Whom {
  const match = /^([A-Za-z0-9_-]{1,64})(?:\.([A-Za-z0-9_-]{1,64}))?$/.exec(text)
  if (!match) throw usage(command, `${option}${text} is neither <user> nor <user>.<key>`)
  return { user: match[1]!, key: match[2] }
}

/** A fact may name its stream; without one, all streams that know the fact are meant. */
function streamsAndFact(
  command: string,
  streams: readonly string[] | undefined,
  text: string | undefined,
): Pick<EventFilter, 'streams' | 'fact'> {
  const [first, second] = text?.toLowerCase().split('.') ?? []
  const fact = second ?? first
  const named = second === undefined ? (streams ?? Object.keys(STREAMS)) : [first ?? '']
  const wanted = named.flatMap(name => name.toLowerCase().split(',')).map(name => streamOf(command, name))
  if (fact !== undefined && !EVENTS.some(event => event.fact === fact && wanted.includes(event.stream))) {
    const known = EVENTS.filter(({ stream }) => wanted.includes(stream)).map(event => event.name)
    throw usage(command, `--fact ${text} is none of ${known.join(', ')}`)
  }
  return { streams: [...new Set(wanted)], fact }
}

function streamOf(command: string, name: string): StreamName {
  if (Object.hasOwn(STREAMS, name)) return name as StreamName
  throw usage(command, `--stream ${name} is none of ${Object.keys(STREAMS).join(', ')}`)
}
