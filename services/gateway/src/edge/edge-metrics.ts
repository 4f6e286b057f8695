import { Counter, expose, type Registry } from '@fluxgate/runtime'

/** What the public edge counts of itself; read when somebody asks for metrics. */
export interface EdgeCounts {
  readonly connections: () => number
  readonly sessions: () => number
  /** Connections refused for the number from their address. */
  readonly connectionsRefused: () => number
  /** Connections and streams ended because their client took or sent nothing. */
  readonly stalled: () => number
  readonly floods: () => number
  readonly bodyBytes: () => number
  readonly tls: () =>
    | { readonly expiresMs: number; readonly renewals: number; readonly failures: number }
    | undefined
}

/** @returns what counts a request that the edge refused before any route, by the refusal's code */
export function edgeMetrics(registry: Registry, counts: EdgeCounts): (code: string) => void {
  const one = (type: 'counter' | 'gauge') => (name: string, help: string, read: () => number) =>
    expose(registry, type, { name, help }, () => [[{}, read()]])
  const gauge = one('gauge')
  const counter = one('counter')
  gauge('fluxgate_edge_connections', 'Open TCP connections of the public server.', counts.connections)
  gauge('fluxgate_edge_http2_connections', 'Those of them that speak HTTP/2.', counts.sessions)
  counter(
    'fluxgate_edge_connections_refused_total',
    'Connections refused because their address had too many.',
    counts.connectionsRefused,
  )
  counter(
    'fluxgate_edge_stalled_total',
    'Connections and streams ended because their client took or sent nothing.',
    counts.stalled,
  )
  counter(
    'fluxgate_edge_http2_floods_total',
    'HTTP/2 connections ended for a flood of frames.',
    counts.floods,
  )
  gauge('fluxgate_edge_body_bytes', 'Bytes of large request bodies held.', counts.bodyBytes)
  gauge(
    'fluxgate_tls_certificate_expiry_timestamp_seconds',
    'When the certificate in use expires.',
    () => (counts.tls()?.expiresMs ?? Number.NaN) / 1_000,
  )
  counter(
    'fluxgate_tls_renewals_total',
    'Changed certificates taken into use.',
    () => counts.tls()?.renewals ?? 0,
  )
  counter(
    'fluxgate_tls_renewal_failures_total',
    'Changed TLS files that could not be used.',
    () => counts.tls()?.failures ?? 0,
  )
  const refused = new Counter({
    name: 'fluxgate_edge_refused_total',
    help: 'Requests refused before any route, by the code of the refusal.',
    labelNames: ['code'],
    registers: [registry],
  })
  return code => refused.inc({ code })
}
