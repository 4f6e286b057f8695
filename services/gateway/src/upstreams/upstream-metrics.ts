import { expose, type Registry } from '@fluxgate/runtime'
import type { RoutingReport, UpstreamStatus } from './upstream-status.ts'

const CIRCUIT_VALUES = Object.freeze({ closed: 0, half_open: 1, open: 2 })

/** Prometheus metrics of the upstreams: their names are the operator's, so that their number is bounded. */
export function upstreamMetrics(registry: Registry, report: () => RoutingReport): void {
  const typeOf = (name: string) => (name.endsWith('_total') ? 'counter' : 'gauge')
  const perUpstream = (name: string, help: string, read: (status: UpstreamStatus) => number | null) =>
    // One that is not in the plan any more goes.
    expose(registry, typeOf(name), { name, help }, () =>
      report().upstreams.flatMap(status => {
        const value = read(status)
        return value === null ? [] : [[{ upstream: status.name }, value] as const]
      }),
    )
  const inAll = (name: string, help: string, read: (all: RoutingReport) => number) =>
    expose(registry, typeOf(name), { name, help }, () => [[{}, read(report())]])
  perUpstream('fluxgate_upstream_healthy', 'Whether its health checks succeed.', each => Number(each.healthy))
  perUpstream('fluxgate_upstream_in_flight', 'Calls in flight at an upstream.', each => each.inFlight)
  perUpstream(
    'fluxgate_upstream_circuit',
    'Its circuit: 0 closed, 1 half open, 2 open.',
    each => CIRCUIT_VALUES[each.circuit],
  )
  perUpstream(
    'fluxgate_upstream_latency_seconds',
    "To the answer's headers, weighted towards the last calls.",
    each => (each.latencyMs === null ? null : each.latencyMs / 1_000),
  )
  perUpstream('fluxgate_upstream_calls_total', 'Attempts at an upstream.', each => each.calls)
  perUpstream('fluxgate_upstream_failures_total', 'Attempts that failed.', each => each.failures)
  inAll('fluxgate_upstream_waiting', 'Calls that wait for a free upstream.', all => all.waiting)
  inAll('fluxgate_upstream_retries_total', 'Calls sent once more.', all => all.retries)
  inAll(
    'fluxgate_upstream_retries_spared_total',
    'Retries not made for want of budget.',
    all => all.retriesSpared,
  )
  inAll('fluxgate_upstream_fallbacks_total', 'Times another model was used.', all => all.fallbacks)
  inAll(
    'fluxgate_upstreams_file_reloads_total',
    'Changes of UPSTREAMS_FILE taken up.',
    all => all.file?.reloads ?? 0,
  )
  inAll(
    'fluxgate_upstreams_file_broken',
    '1 while UPSTREAMS_FILE is broken and the old plan in force.',
    all => (all.file?.fault == null ? 0 : 1),
  )
}
