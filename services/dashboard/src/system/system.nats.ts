import { BUCKETS, DEADLETTER_STREAM, eventFilter, LetterReplayed, STREAMS } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import type { GatewayAdmin } from '../gateway/index.ts'
import type {
  ConsumerView,
  GatewayReport,
  NodeView,
  StreamView,
  SystemView,
  UpstreamView,
} from './answers.ts'
import { projectionLag } from './projection-lag.pg.ts'

export interface SystemSources {
  readonly db: Database
  readonly link: NatsLink
  readonly admin: GatewayAdmin
  readonly liveNodes: () => NodeView[]
  readonly nowMs: () => number
}

export const THROTTLES_STREAM = `KV_${BUCKETS.throttles}`
const EVENT_STREAMS = [...Object.values(STREAMS), DEADLETTER_STREAM]
const SHOWN_STREAMS = [...EVENT_STREAMS, THROTTLES_STREAM]
/** Durables of a stream that are looked at. */
const MAX_CONSUMERS = 1_000

/** What the whole consists of, and how each part fares. */
export async function systemView({ db, link, admin, liveNodes, nowMs }: SystemSources): Promise<SystemView> {
  const now = nowMs()
  const [gateways, streams, consumers, projection, deadLetters] = await Promise.all([
    admin.isOpen ? gatewayReports(admin) : null,
    unlessAway(link, () => Promise.all(SHOWN_STREAMS.map(name => streamView(link, name)))),
    unlessAway(link, async () =>
      (await Promise.all(EVENT_STREAMS.map(name => consumersOf(link, name)))).flat(),
    ),
    unlessAway(link, () => projectionLag(db, link, now)),
    unlessAway(link, () => countDeadLetters(link)),
  ])
  return { now, nodes: liveNodes(), gateways, streams, consumers, projection, deadLetters }
}

/** Without the log nobody knows: unknown, and no reason to answer nothing at all. */
async function unlessAway<T>(link: NatsLink, look: () => Promise<T>): Promise<T | null> {
  if (!link.isConnected()) return null
  try {
    return await look()
  } catch (error) {
    link.log.warn({ err: error }, 'the log does not tell how it fares')
    return null
  }
}

interface RoutingReport {
  readonly upstreams: readonly UpstreamView[]
  readonly waiting: number
  readonly retries: number
  readonly fallbacks: number
  readonly file: { readonly fault: string | null } | null
}

async function gatewayReports(admin: GatewayAdmin): Promise<GatewayReport[]> {
  const urls = await admin.everywhere()
  return Promise.all(
    urls.map(async (url): Promise<GatewayReport> => {
      const answer = await admin.ask<RoutingReport>(url, '/admin/upstreams')
      if (!answer.ok) {
        const none = { upstreams: [], waiting: 0, retries: 0, fallbacks: 0, fileError: null }
        return { url, error: answer.error.message, ...none }
      }
      const { upstreams, waiting, retries, fallbacks, file } = answer.value
      return { url, error: null, upstreams, waiting, retries, fallbacks, fileError: file?.fault ?? null }
    }),
  )
}

async function streamView(link: NatsLink, stream: string): Promise<StreamView> {
  const { state, config } = await link.manager.streams.info(stream)
  const isEmpty = state.messages === 0
  const maxBytes = Math.max(0, config.max_bytes)
  return {
    stream,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes,
    firstAt: isEmpty ? null : Date.parse(state.first_ts),
    lastAt: isEmpty ? null : Date.parse(state.last_ts),
    lastSequence: state.last_seq,
    needsRoom: needsRoom(stream, state.bytes, maxBytes),
  }
}

/** Those that work a stream off; whoever folds it reads without a durable and stores its own position. */
async function consumersOf(link: NatsLink, stream: string): Promise<ConsumerView[]> {
  const found: ConsumerView[] = []
  const lister = link.manager.consumers.list(stream)
  for (let page = await lister.next(); page.length > 0; page = await lister.next()) {
    for (const info of page) {
      const name = info.config.durable_name
      if (name === undefined || found.length >= MAX_CONSUMERS) continue
      const { num_pending: pending, num_ack_pending: unanswered, num_redelivered: redelivered } = info
      found.push({ stream, name, pending, unanswered, redelivered })
    }
  }
  return found
}

/** Dead letters that nobody has put back. */
async function countDeadLetters(link: NatsLink): Promise<number> {
  const { streams } = link.manager
  const { state } = await streams.info(DEADLETTER_STREAM)
  if (state.messages === 0) return 0
  const claims = await streams.info(STREAMS.auth, { subjects_filter: eventFilter(LetterReplayed) })
  const claimed = Object.keys(claims.state.subjects ?? {}).filter(subject => {
    const sequence = Number(/\.dl_(\d+)$/.exec(subject)?.[1])
    return sequence >= state.first_seq
  })
  return Math.max(0, state.messages - claimed.length)
}

/**
 * Part of its room from which a stream is said to be full. Streams of events that have an age are not in it: they run at
 * their limit and drop their oldest by design.
 */
const FULL_AT: Readonly<Record<string, number>> = {
  // While automatic throttles are dropped, the guard lets the bucket fill to 75 % and empties it to 65 %.
  [THROTTLES_STREAM]: 0.65,
  // Without an age: when they are full, incidents that were to stay are dropped.
  [STREAMS.incidents]: 0.9,
}

/** @param maxBytes 0 for no limit */
export function needsRoom(stream: string, bytes: number, maxBytes: number): boolean {
  const fullAt = FULL_AT[stream]
  return fullAt !== undefined && maxBytes > 0 && bytes / maxBytes >= fullAt
}
