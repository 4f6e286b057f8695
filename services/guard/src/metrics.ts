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
  const registers = [registry]
  new Gauge({
    name: 'fluxgate_guard_keys_remembered',
    help: 'Identities, addresses and accounts in the memory of each rule',
    labelNames: ['rule'],
    registers,
    collect() {
      this.reset()
      for (const [rule, { keys }] of remembered()) this.set({ rule }, keys)
    },
  })
  new Gauge({
    name: 'fluxgate_guard_events_pending',
    help: 'Events of the log behind the last one folded, as the server knew',
    registers,
    collect() {
      this.set(pending())
    },
  })
  return {
    registry,
    folded: new Counter({
      name: 'fluxgate_guard_events_folded_total',
      help: 'Events folded, by stream',
      labelNames: ['stream'],
      registers,
    }),
    decisions: new Counter({
      name: 'fluxgate_guard_decisions_total',
      help: 'Decisions carried out, by rule and what became of the throttle',
      labelNames: ['rule', 'outcome'],
      registers,
    }),
    loopSeconds: new Histogram({
      name: 'fluxgate_guard_loop_seconds',
      help: 'From the storage of the crossing event to the acknowledged throttle',
      buckets: LAG_SECONDS,
      registers,
    }),
    leader: new Gauge({
      name: 'fluxgate_guard_leader',
      help: '1 when this process decides, 0 when it is on standby',
      registers,
    }),
    expired: new Counter({
      name: 'fluxgate_guard_throttles_expired_total',
      help: 'Throttles ended because their time was over',
      registers,
    }),
    missed: new Counter({
      name: 'fluxgate_guard_events_missed_total',
      help: 'Events that a stream dropped before the guard had read them, by stream',
      labelNames: ['stream'],
      registers,
    }),
    dropped: new Counter({
      name: 'fluxgate_guard_throttles_dropped_total',
      help: 'Automatic throttles ended early because their bucket was full',
      registers,
    }),
    bucketUsed: new Gauge({
      name: 'fluxgate_guard_throttles_bucket_used_ratio',
      help: 'Part of the bucket of throttles that is used',
      registers,
    }),
    policyRefused: new Counter({
      name: 'fluxgate_guard_policies_refused_total',
      help: 'Policies in the bucket that are not valid',
      registers,
    }),
  }
}
