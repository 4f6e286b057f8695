import type { EventPublisher, NatsLink } from '@fluxgate/nats'
import type { PoolFigures } from '@fluxgate/read-model'
import { Distribution, expose, exposeHistograms, type Registry } from '@fluxgate/runtime'
import type { DnsStats } from '../dns/index.ts'
import type { GossipFigures } from '../limits/index.ts'
import { type RoutingReport, upstreamMetrics } from '../upstreams/index.ts'
import { gossipMetrics } from './gossip-metrics.ts'
import { type OthersReading, type SpoolReading, spoolMetrics } from './spool-metrics.ts'

/** The parts of a node whose figures are read at each scrape. */
export interface MeasuredParts {
  readonly publisher: EventPublisher
  readonly link: Pick<NatsLink, 'isConnected' | 'onReconnect'>
  readonly spool: { readonly spool: SpoolReading }
  readonly recovery: { readonly others: ReturnType<OthersReading> }
  readonly pool: () => PoolFigures | undefined
  readonly keys: { readonly cached: number; readonly lookups: number; readonly questions: number }
  readonly throttles: { readonly entries: ReadonlyMap<string, unknown>; silentMs(): number }
  readonly table: { readonly size: number }
  readonly gossip: () => GossipFigures
  readonly dns: () => DnsStats
  /** `spans` is absent while tracing is off. */
  readonly telemetry: { readonly spans: { readonly exported: number; readonly lost: number } | undefined }
  readonly upstreams: { readonly report: () => RoutingReport }
  readonly activeRequests: () => number
}

const ACK_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Prometheus metrics of one node beside those of its calls; see `RequestMetrics`. */
export function gatewayMetrics(registry: Registry, parts: MeasuredParts): void {
  const one = (type: 'counter' | 'gauge') => (name: string, help: string, read: () => number) =>
    expose(registry, type, { name, help }, () => [[{}, read()]])
  const gauge = one('gauge')
  const counter = one('counter')
  const { keys, dns, throttles, table } = parts
  const { spans } = parts.telemetry

  upstreamMetrics(registry, parts.upstreams.report)
  gauge('fluxgate_active_requests', 'Requests in flight.', parts.activeRequests)
  gauge('fluxgate_live_buckets', 'Token buckets held in memory.', () => table.size)
  gauge('fluxgate_throttles', 'Throttles known to this node.', () => throttles.entries.size)
  gauge(
    'fluxgate_throttle_silence_seconds',
    'Since anything was heard of the throttles bucket.',
    () => throttles.silentMs() / 1_000,
  )
  gauge('fluxgate_cached_keys', 'API keys in the cache.', () => keys.cached)
  counter('fluxgate_key_lookups_total', 'API keys looked up.', () => keys.lookups)
  counter('fluxgate_key_questions_total', 'Lookups for which Postgres was asked.', () => keys.questions)
  counter('fluxgate_dns_queries_total', 'DNS questions.', () => dns().queries)
  counter('fluxgate_dns_cache_hits_total', 'DNS questions answered from the cache.', () => dns().hits)
  publisherMetrics(registry, parts)
  spoolMetrics(registry, parts.spool.spool, () => parts.recovery.others)
  gossipMetrics(registry, parts.gossip)
  expose(
    registry,
    'gauge',
    { name: 'fluxgate_postgres_connections', help: "Connections of the node's pool, by state." },
    () => poolValues(parts.pool()),
  )
  if (spans) {
    counter('fluxgate_spans_exported_total', 'Spans that the receiver has taken.', () => spans.exported)
    counter('fluxgate_spans_lost_total', 'Spans that could not be exported.', () => spans.lost)
  }
}

function publisherMetrics(registry: Registry, { publisher, link }: MeasuredParts): void {
  const show = (type: 'counter' | 'gauge', name: string, help: string, read: () => number) =>
    expose(registry, type, { name, help }, () => [[{}, read()]])
  show(
    'gauge',
    'fluxgate_events_buffered',
    'Events not yet acknowledged by JetStream.',
    () => publisher.buffered,
  )
  show(
    'counter',
    'fluxgate_events_acknowledged_total',
    'Events that JetStream has stored.',
    () => publisher.acknowledged,
  )
  show(
    'counter',
    'fluxgate_events_resent_total',
    'Events sent again under the same id.',
    () => publisher.resent,
  )
  show(
    'counter',
    'fluxgate_events_refused_total',
    'Times a stream refused an event.',
    () => publisher.refused,
  )
  const delays = new Distribution(ACK_SECONDS)
  publisher.onAckDelay = ms => delays.add(ms / 1_000)
  const help = 'From the sending of an event to its acknowledgement, of one event in sixteen.'
  exposeHistograms(registry, { name: 'fluxgate_event_ack_seconds', help }, () => [[{}, delays]])
  let reconnects = 0
  link.onReconnect(() => reconnects++)
  show('gauge', 'fluxgate_nats_connected', '1 while NATS is connected.', () => Number(link.isConnected()))
  show('counter', 'fluxgate_nats_reconnects_total', 'Times NATS was connected again.', () => reconnects)
}

function poolValues(pool: PoolFigures | undefined): Array<readonly [Record<string, string>, number]> {
  if (!pool) return []
  return [
    [{ state: 'idle' }, pool.idleCount],
    [{ state: 'busy' }, pool.totalCount - pool.idleCount],
    [{ state: 'waited_for' }, pool.waitingCount],
  ]
}
