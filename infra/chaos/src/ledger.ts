import { connectNats, replayWhole, type StoredMessage } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import type { Seen } from './load.ts'

const STREAMS = ['REQUESTS', 'TOKENS', 'AUTH', 'THROTTLES', 'INCIDENTS']
const ENDINGS = ['requests.completed', 'requests.failed', 'requests.interrupted']
const PREFIX = 'fluxgate.'
const utf8 = new TextDecoder()

/** What an event has, as far as this reader looks at it. */
interface Reported {
  readonly id: string
  readonly type: string
  readonly data: {
    readonly request?: string
    readonly incident?: string
    readonly total?: number
    readonly user?: string
  }
}

/** What the streams say, counted by this suite alone: it shares no code with the conservation check. */
export interface Ledger {
  /** Request or incident → fact → how often it stands in the log. */
  readonly facts: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Request → tokens of its settlement. */
  readonly settled: ReadonlyMap<string, number>
  /** Copies of events beyond the first of their id. */
  readonly copies: number
  /** `<stream>:<sequence>` of messages that are no JSON object with an id and a type. */
  readonly unreadable: readonly string[]
  /** What the guard and the reporter have told of a user. */
  incidentsOf(user: string): { opened: number; throttled: number; reported: boolean }
}

/** Reads every stream from its first message to its last. */
export async function readLedger(natsUrl: string): Promise<Ledger> {
  await using link = await connectNats({ url: natsUrl, name: 'chaos ledger' }, createLog('chaos', 'silent'))
  const facts = new Map<string, Map<string, number>>()
  const settled = new Map<string, number>()
  const ids = new Set<string>()
  const unreadable: string[] = []
  const subject = new Map<string, string[]>()
  const throttled = new Map<string, number>()
  let copies = 0
  for (const stream of STREAMS) {
    for await (const messages of replayWhole(link, { stream, from: 'first' })) {
      for (const [sequence, reported] of messages.flatMap(eventsIn)) {
        if (!reported) {
          unreadable.push(`${stream}:${sequence}`)
          continue
        }
        if (ids.has(reported.id)) copies++
        ids.add(reported.id)
        const { request, incident, total, user } = reported.data
        const fact = reported.type.slice(PREFIX.length)
        if (fact === 'throttles.imposed' && user !== undefined)
          throttled.set(user, (throttled.get(user) ?? 0) + 1)
        if (fact === 'incidents.opened' && user !== undefined && incident !== undefined)
          subject.set(user, [...(subject.get(user) ?? []), incident])
        const about = request ?? incident
        if (about === undefined) continue
        const counts = facts.get(about) ?? new Map<string, number>()
        facts.set(about, counts.set(fact, (counts.get(fact) ?? 0) + 1))
        if (fact === 'tokens.settled' && request !== undefined && total !== undefined)
          settled.set(request, total)
      }
    }
  }
  return {
    facts,
    settled,
    copies,
    unreadable,
    incidentsOf(user) {
      const opened = subject.get(user) ?? []
      const isReported = (incident: string) => facts.get(incident)?.has('incidents.reported') === true
      return {
        opened: opened.length,
        throttled: throttled.get(user) ?? 0,
        reported: opened.length > 0 && opened.every(isReported),
      }
    },
  }
}

/** The event of a message, or those of a batch: each line with what the headers say of all. */
function eventsIn({ sequence, data, headers }: StoredMessage): Array<[number, Reported | undefined]> {
  const batch = headers?.get('ce-id')
  if (!batch) return [[sequence, reportedIn(data, {})]]
  const first = Number(headers?.get('Fluxgate-First')) || 0
  const lines = Buffer.from(data).toString('latin1').split('\n').slice(0, -1)
  return lines.map((line, i) => {
    const about = { id: `${batch}-${first + i}`, specversion: '1.0' }
    return [sequence, reportedIn(Buffer.from(line, 'latin1'), about)]
  })
}

function reportedIn(bytes: Uint8Array, about: object): Reported | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes))
    if (typeof value !== 'object' || value === null) return undefined
    const { id, type, data, specversion } = { ...value, ...about } as Record<string, unknown>
    const isEvent = typeof id === 'string' && typeof type === 'string' && specversion === '1.0'
    return isEvent && typeof data === 'object' && data !== null
      ? ({ id, type, data } as unknown as Reported)
      : undefined
  } catch {
    return undefined
  }
}

export interface Count {
  /** Facts that responses which a client saw complete do not have. */
  readonly missing: number
  /** Copies of events, and facts of a request that stand more than once. */
  readonly doubled: number
  /** Requests that were admitted and have no ending or no settlement, whoever saw what of them. */
  readonly open: number
  /** Responses whose client was told another number of tokens than was settled. */
  readonly tokensDiffer: number
  /** The first few things that are wrong, in words. */
  readonly examples: readonly string[]
}

const EXAMPLES = 5

/** Holds what clients saw against what the log says. */
export function countAgainst(ledger: Ledger, seen: Iterable<Seen>): Count {
  const examples: string[] = []
  const wrong = (text: string): number => {
    if (examples.length < EXAMPLES) examples.push(text)
    return 1
  }
  let missing = 0
  let tokensDiffer = 0
  for (const { request, tokens } of seen) {
    const facts = ledger.facts.get(request)
    for (const fact of ['requests.admitted', 'requests.completed', 'tokens.settled']) {
      if (!facts?.has(fact)) missing += wrong(`${request} was seen complete and has no ${fact}`)
    }
    const settled = ledger.settled.get(request)
    if (settled !== undefined && settled !== tokens)
      tokensDiffer += wrong(`${request} was told ${tokens} tokens, and ${settled} were settled`)
  }
  let doubled = ledger.copies
  let open = 0
  for (const [about, facts] of ledger.facts) {
    const of = (fact: string) => facts.get(fact) ?? 0
    const endings = ENDINGS.reduce((sum, fact) => sum + of(fact), 0)
    const most = [of('requests.admitted'), endings, of('tokens.settled'), of('incidents.opened')]
    for (const times of most) {
      if (times > 1) doubled += wrong(`${about}: ${JSON.stringify(Object.fromEntries(facts))}`) * (times - 1)
    }
    const isWhole = endings === 1 && of('tokens.settled') === 1
    if (of('requests.admitted') > 0 && !isWhole)
      open += wrong(`${about} is open: ${JSON.stringify(Object.fromEntries(facts))}`)
  }
  return { missing, doubled, open, tokensDiffer, examples }
}
