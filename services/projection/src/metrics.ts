import { Counter, createMetrics, Gauge, Histogram, type Registry } from '@fluxgate/runtime'
import type { Progress } from './follow/index.ts'

export interface Metrics {
  readonly registry: Registry
  readonly events: Counter<'stream'>
  readonly batches: Counter
  readonly retries: Counter
  readonly skipped: Counter
  readonly repeated: Counter
  readonly rejected: Counter<'stream'>
  readonly batchSeconds: Histogram
}

/** @param streams whose progress is shown */
export function projectionMetrics(
  streams: readonly string[],
  progress: Progress,
  nowMs: () => number,
): Metrics {
  const registry = createMetrics('projection')
  const registers = [registry]
  const counter = (name: string, help: string) =>
    new Counter({ name: `fluxgate_projection_${name}`, help, registers })
  const byStream = (name: string, help: string) =>
    new Counter({ name: `fluxgate_projection_${name}`, help, labelNames: ['stream'] as const, registers })
  const gauge = (name: string, help: string, read: (stream: string) => number) =>
    new Gauge({
      name: `fluxgate_projection_${name}`,
      help,
      labelNames: ['stream'] as const,
      registers,
      collect() {
        for (const stream of streams) this.set({ stream }, read(stream))
      },
    })
  gauge('sequence', 'Position of the last message in the tables.', stream => progress.sequenceOf(stream))
  gauge('lag_messages', 'Messages not yet in the tables.', stream => progress.lag(stream, nowMs()).messages)
  gauge('lag_seconds', 'Age bound of what is missing.', stream => progress.lag(stream, nowMs()).seconds)
  gauge('missing_messages', 'Messages dropped by the stream before they were read.', stream =>
    progress.missing(stream),
  )
  gauge('halted', '1 when the stream is not being read.', stream => (progress.halted.has(stream) ? 1 : 0))
  return {
    registry,
    events: byStream('events_total', 'Events folded into the tables.'),
    batches: counter('batches_total', 'Transactions.'),
    retries: counter('retries_total', 'Transactions that failed and came again.'),
    skipped: counter('skipped_total', 'Events that another instance had folded already.'),
    repeated: counter('repeated_total', 'Facts that the log holds more than once.'),
    rejected: byStream('rejected_total', 'Events that Postgres can never take, left out.'),
    batchSeconds: new Histogram({
      name: 'fluxgate_projection_batch_seconds',
      help: 'Time of a transaction.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
  }
}
