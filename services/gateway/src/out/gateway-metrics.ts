import type { EventPublisher } from '@fluxgate/nats'
import { Counter, Gauge, Histogram, type Registry } from '@fluxgate/runtime'
import type { RoutingReport } from '../core/routing/upstream-status.ts'
import { upstreamMetrics } from './upstreams/metrics.ts'

export interface GatewayMetrics {
  admitted(): void
  refused(reason: string): void
  ended(outcome: string, durationMs: number, firstByteMs: number | undefined): void
}

export interface GatewayGauges {
  readonly publisher: EventPublisher
  readonly activeRequests: () => number
  readonly liveBuckets: () => number
  readonly throttles: () => number
  readonly throttleSilenceMs: () => number
  readonly cachedKeys: () => number
  readonly routing: () => RoutingReport
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/** Prometheus metrics of one node; none has an identity in a label, so that their number is bounded. */
export function gatewayMetrics(registry: Registry, gauges: GatewayGauges): GatewayMetrics {
  const registers = [registry]
  const admitted = new Counter({
    name: 'fluxgate_requests_admitted_total',
    help: 'Requests let through to an upstream.',
    registers,
  })
  const refused = new Counter({
    name: 'fluxgate_requests_refused_total',
    help: 'Requests turned away, by reason.',
    labelNames: ['reason'],
    registers,
  })
  const ended = new Counter({
    name: 'fluxgate_requests_ended_total',
    help: 'Admitted requests that ended, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const duration = new Histogram({
    name: 'fluxgate_request_duration_seconds',
    help: 'From the request to the end of its answer.',
    buckets: SECONDS,
    registers,
  })
  const firstByte = new Histogram({
    name: 'fluxgate_time_to_first_byte_seconds',
    help: "From the request to the first byte of the upstream's answer.",
    buckets: SECONDS,
    registers,
  })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  upstreamMetrics(registry, gauges.routing)
  const { publisher } = gauges
  gauge('fluxgate_active_requests', 'Requests in flight.', gauges.activeRequests)
  gauge('fluxgate_live_buckets', 'Token buckets held in memory.', gauges.liveBuckets)
  gauge('fluxgate_throttles', 'Throttles known to this node.', gauges.throttles)
  gauge(
    'fluxgate_throttle_silence_seconds',
    'Since anything was heard of the throttles bucket.',
    () => gauges.throttleSilenceMs() / 1_000,
  )
  gauge('fluxgate_cached_keys', 'API keys in the cache.', gauges.cachedKeys)
  gauge('fluxgate_events_buffered', 'Events not yet acknowledged by JetStream.', () => publisher.buffered)
  gauge(
    'fluxgate_events_acknowledged_total',
    'Events that JetStream has stored.',
    () => publisher.acknowledged,
  )
  gauge('fluxgate_events_resent_total', 'Events sent again under the same id.', () => publisher.resent)
  gauge('fluxgate_events_refused_total', 'Times a stream refused an event.', () => publisher.refused)
  return {
    admitted: () => admitted.inc(),
    refused: reason => refused.inc({ reason }),
    ended(outcome, durationMs, firstByteMs) {
      ended.inc({ outcome })
      duration.observe(durationMs / 1_000)
      if (firstByteMs !== undefined) firstByte.observe(firstByteMs / 1_000)
    },
  }
}
