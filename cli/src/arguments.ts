import { EVENTS, STREAMS, type StreamName } from '@fluxgate/contracts'
import { type EventFilter, type IdentityFilter, parseMoment, type Range } from '@fluxgate/forensics'
import { usage } from './command.ts'

/** Options that many commands share, and what their texts mean. */
export const JSON_OPTION = { json: { type: 'boolean', default: false } } as const
export const RANGE_OPTIONS = { from: { type: 'string' }, to: { type: 'string' } } as const
export const FILTER_OPTIONS = {
  stream: { type: 'string', multiple: true },
  identity: { type: 'string' },
  event: { type: 'string' },
  /** As `event`: its name up to version 0.1. */
  fact: { type: 'string' },
} as const

export const RANGE_HELP = `  --from <moment>      only what was stored from then on: 5m, 2h, 1d ago, or 2026-11-23T05:00Z
  --to <moment>        only what was stored up to then`
export const FILTER_HELP = `  --stream <name>      only this stream: ${Object.keys(STREAMS).join(', ')}; may be repeated
  --identity <id>      only this user, or <user>.<key>
  --event <name>       only events of this name, such as settled or tokens.settled`
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
  values: {
    stream?: string[] | undefined
    identity?: string | undefined
    event?: string | undefined
    fact?: string | undefined
  },
): EventFilter {
  const filter =
    values.identity === undefined ? {} : identityFilterOf(command, '--identity ', values.identity)
  return { ...streamsAndKind(command, values.stream, values.event ?? values.fact), ...filter }
}

export function identityFilterOf(command: string, option: string, text: string): IdentityFilter {
  const match = /^([A-Za-z0-9_-]{1,64})(?:\.([A-Za-z0-9_-]{1,64}))?$/.exec(text)
  if (!match) throw usage(command, `${option}${text} is neither <user> nor <user>.<key>`)
  return { user: match[1]!, key: match[2] }
}

/** The name may begin with its stream; without one, all streams that have such events are meant. */
function streamsAndKind(
  command: string,
  streams: readonly string[] | undefined,
  text: string | undefined,
): Pick<EventFilter, 'streams' | 'kind'> {
  const [first, second] = text?.toLowerCase().split('.') ?? []
  const kind = second ?? first
  const named = second === undefined ? (streams ?? Object.keys(STREAMS)) : [first ?? '']
  const wanted = named.flatMap(name => name.toLowerCase().split(',')).map(name => streamOf(command, name))
  if (kind !== undefined && !EVENTS.some(event => event.kind === kind && wanted.includes(event.stream))) {
    const known = EVENTS.filter(({ stream }) => wanted.includes(stream)).map(event => event.name)
    throw usage(command, `--event ${text} is none of ${known.join(', ')}`)
  }
  return { streams: [...new Set(wanted)], kind }
}

function streamOf(command: string, name: string): StreamName {
  if (Object.hasOwn(STREAMS, name)) return name as StreamName
  throw usage(command, `--stream ${name} is none of ${Object.keys(STREAMS).join(', ')}`)
}
