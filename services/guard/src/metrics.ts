import { Counter, createMetrics, Gauge, Histogram, type Registry } from '@fluxgate/runtime'

const LAG_SECONDS = [0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30]

export interface GuardMetrics {
  readonly registry: Registry
  readonly folded: Counter<'stream'>
  readonly decisions: Counter<'rule' | 'outcome'>
  /** From the crossing event's storage to the acknowledged throttle. */
  readonly loopSeconds: Histogram
  readonly leader: Gauge
  readonly expired: Counter
  readonly policyRefused: Counter
  readonly missed: Counter<'stream'>
  readonly dropped: Counter
  readonly bucketUsed: Gauge
}

export function guardMetrics(
  remembered: () => ReadonlyMap<string, { keys: number }>,
  pending: () => number,
): GuardMetrics {
  const registry = createMetrics('guard')
  const described = (name: string, help: string) => ({
    name: `fluxgate_guard_${name}`,
    help,
    registers: [registry],
  })
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ ...described(name, help), labelNames })
  const gauge = (name: string, help: string) => new Gauge(described(name, help))
  new Gauge({
    ...described('keys_remembered', 'Identities, addresses and accounts in the memory of each rule'),
    labelNames: ['rule'],
    collect() {
      this.reset()
      for (const [rule, { keys }] of remembered()) this.set({ rule }, keys)
    },
  })
  new Gauge({
    ...described('events_pending', 'Events of the log behind the last one folded, as the server knew'),
    collect() {
      this.set(pending())
    },
  })
  return {
    registry,
    folded: counter('events_folded_total', 'Events folded, by stream', 'stream'),
    decisions: counter(
      'decisions_total',
      'Decisions carried out, by rule and what became of the throttle',
      'rule',
      'outcome',
    ),
    loopSeconds: new Histogram({
      ...described('loop_seconds', 'From the storage of the crossing event to the acknowledged throttle'),
      buckets: LAG_SECONDS,
    }),
    leader: gauge('leader', '1 when this process decides, 0 when it is on standby'),
    expired: counter('throttles_expired_total', 'Throttles ended because their time was over'),
    missed: counter(
      'events_missed_total',
      'Events that a stream dropped before the guard had read them, by stream',
      'stream',
    ),
    dropped: counter(
      'throttles_dropped_total',
      'Automatic throttles ended early because their bucket was full',
    ),
    bucketUsed: gauge('throttles_bucket_used_ratio', 'Part of the bucket of throttles that is used'),
    policyRefused: counter('policies_refused_total', 'Policies in the bucket that are not valid'),
  }
}
