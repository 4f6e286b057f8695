import type { SpoolFigures } from '@fluxgate/nats'
import { Gauge, type Registry } from '@fluxgate/runtime'

/** The spool's figures for Prometheus; read when they are asked for. */
export function spoolMetrics(registry: Registry, figures: () => SpoolFigures, waiting: () => number): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge('fluxgate_spool_bytes', 'Bytes of all spool segments on disk.', () => figures().bytes)
  gauge('fluxgate_spool_waiting', 'Events in the spool that are not sent yet.', waiting)
  gauge(
    'fluxgate_spool_oldest_seconds',
    'Age of the oldest event that is not sent yet.',
    () => figures().oldestMs / 1_000,
  )
  gauge('fluxgate_spool_commits_total', 'Batches written to the spool.', () => figures().commits)
  gauge(
    'fluxgate_spool_commit_seconds_total',
    'Time spent writing (and syncing) batches.',
    () => figures().commitMs / 1_000,
  )
  gauge(
    'fluxgate_spool_faults_total',
    'Times the spool took no events, or failed otherwise.',
    () => figures().faults,
  )
  gauge(
    'fluxgate_spool_damaged_bytes_total',
    'Bytes of dead spools that could not be read.',
    () => figures().damagedBytes,
  )
  gauge(
    'fluxgate_spool_found_total',
    'Events of dead nodes that their streams held already.',
    () => figures().alreadyStored,
  )
  gauge(
    'fluxgate_spool_uncertain_commits_total',
    'Answers ended before their events were known to be safe, because the disk and the streams were both late.',
    () => figures().uncertain,
  )
  gauge(
    'fluxgate_spool_lost_events_total',
    'Events given up because the disk failed and the memory for them was full.',
    () => figures().lost,
  )
}
