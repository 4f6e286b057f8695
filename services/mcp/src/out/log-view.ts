import { DEADLETTER_STREAM, type Identity, partitionOf, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import { type Burn, burnOf } from '../core/burn.ts'
import type { LogView, Reading, RequestSearch, StreamState } from '../core/desk.ts'
import type { LoggedFact } from '../core/timeline.ts'
import { reached } from './reached.ts'

/** Clocks of nodes and server differ by less than this, and events wait in a spool for less, as a rule. */
const SLACK_MS = 5_000

export function openLogView(link: NatsLink, maxScannedEvents: number): LogView {
  return {
    async heads(streams) {
      if (!link.isConnected()) return undefined
      try {
        const infos = await Promise.all(streams.map(stream => link.manager.streams.info(stream)))
        return new Map(infos.map(({ config, state }) => [config.name, state.last_seq]))
      } catch (error) {
        // The answer itself comes from elsewhere: how fresh it is stays unknown.
        link.log.warn({ err: error }, 'streams not seen')
        return undefined
      }
    },

    streams: () =>
      reached(link, () =>
        Promise.all([...Object.values(STREAMS), DEADLETTER_STREAM].map(stream => streamState(link, stream))),
      ),

    burns: (identity, fromMs, signal) =>
      reached(link, async () => {
        const filter = identityFilter('tokens', identity)
        const items: Burn[] = []
        const options = { stream: STREAMS.tokens, filter, fromMs, max: maxScannedEvents, signal }
        const counts = await scan(link, options, fact => {
          const burn = burnOf(fact.event)
          if (burn) items.push(burn)
          return false
        })
        signal.throwIfAborted()
        return { items, ...counts }
      }),

    factsOf: (search, signal) => reached(link, () => factsOf(link, search, maxScannedEvents, signal)),
  }
}

/** `fluxgate.<stream>.<p>.*.<user>.<key>`: every fact of one identity. */
function identityFilter(stream: 'requests' | 'tokens' | 'auth', { user, key }: Identity): string {
  return `fluxgate.${stream}.${partitionOf(user)}.*.${user}.${key}`
}

async function streamState(link: NatsLink, stream: string): Promise<StreamState> {
  const { config, state } = await link.manager.streams.info(stream)
  return {
    stream,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    discard: config.discard,
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    lastAt: state.messages === 0 ? null : Date.parse(state.last_ts),
    consumers: state.consumer_count,
  }
}

/** Reads the streams that can tell of a request beside each other, until it has ended and is settled. */
async function factsOf(
  link: NatsLink,
  { request, identity, fromMs }: RequestSearch,
  max: number,
  signal: AbortSignal,
): Promise<Reading<LoggedFact>> {
  const facts: LoggedFact[] = []
  const enough = new AbortController()
  const until = AbortSignal.any([signal, enough.signal])
  const readings = await Promise.all(
    (['auth', 'requests', 'tokens'] as const).map(name => {
      const filter = identity && identityFilter(name, identity)
      const options = { stream: STREAMS[name], filter, fromMs: fromMs - SLACK_MS, max, signal: until }
      return scan(link, options, fact => {
        if ((fact.event.data as { request?: unknown }).request !== request) return false
        facts.push(fact)
        if (isWhole(facts)) enough.abort()
        return isLastOfItsStream(fact)
      })
    }),
  )
  signal.throwIfAborted()
  return {
    items: facts,
    scanned: readings.reduce((sum, { scanned }) => sum + scanned, 0),
    cut: !isWhole(facts) && readings.some(({ cut }) => cut),
  }
}

const GOES_ON: ReadonlySet<string> = new Set([
  'fluxgate.requests.admitted',
  'fluxgate.tokens.reserved',
  'fluxgate.tokens.progressed',
])

function isLastOfItsStream({ event }: LoggedFact): boolean {
  return !GOES_ON.has(event.type)
}

/** A refusal is all there is, but for the rejected key before it; an admitted request has an end and a settlement. */
function isWhole(facts: readonly LoggedFact[]): boolean {
  const last = new Set(facts.filter(isLastOfItsStream).map(({ stream }) => stream))
  const refused = facts.find(({ event }) => event.type === 'fluxgate.requests.refused')?.event
  if (refused?.type === 'fluxgate.requests.refused') {
    return refused.data.reason !== 'unauthenticated' || last.has(STREAMS.auth)
  }
  return last.has(STREAMS.requests) && last.has(STREAMS.tokens)
}

interface Scan {
  readonly stream: string
  readonly filter: string | undefined
  readonly fromMs: number
  readonly max: number
  readonly signal: AbortSignal
}

/** Hands over the events of a stream from a time on, until `take` has had enough. */
async function scan(
  link: NatsLink,
  { stream, filter, fromMs, max, signal }: Scan,
  take: (fact: LoggedFact) => boolean,
): Promise<{ scanned: number; cut: boolean }> {
  let scanned = 0
  const from = { timeMs: Math.max(0, fromMs) }
  const options = { stream, from, signal, ...(filter === undefined ? {} : { filter }) }
  for await (const { events } of replay(link, options)) {
    for (const fact of events) {
      scanned++
      if (take(fact)) return { scanned, cut: false }
      if (scanned >= max) return { scanned, cut: true }
    }
  }
  return { scanned, cut: false }
}
