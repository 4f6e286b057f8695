import type { SpoolFigures } from '@fluxgate/nats'
import { expose, type Registry } from '@fluxgate/runtime'

/** The spool's figures for Prometheus; read when they are asked for. */
export function spoolMetrics(registry: Registry, figures: () => SpoolFigures, waiting: () => number): void {
  const one = (type: 'counter' | 'gauge') => (name: string, help: string, read: () => number) =>
    expose(registry, type, { name: `fluxgate_spool_${name}`, help }, () => [[{}, read()]])
  const gauge = one('gauge')
  const counter = one('counter')

  gauge('bytes', 'Bytes of all spool segments on disk.', () => figures().bytes)
  gauge('waiting', 'Events in the spool that are not sent yet.', waiting)
  gauge('oldest_seconds', 'Age of the oldest event that is not sent yet.', () => figures().oldestMs / 1_000)
  counter('commits_total', 'Batches written to the spool.', () => figures().commits)
  counter(
    'commit_seconds_total',
    'Time spent writing (and syncing) batches.',
    () => figures().commitMs / 1_000,
  )
  counter('faults_total', 'Times the spool took no events, or failed otherwise.', () => figures().faults)
  counter('damaged_bytes_total', 'Bytes of dead spools that could not be read.', () => figures().damagedBytes)
  counter(
    'found_total',
    'Events of dead nodes that their streams held already.',
    () => figures().alreadyStored,
  )
  counter(
    'uncertain_commits_total',
    'Answers ended before their events were known to be safe, because the disk and the streams were both late.',
    () => figures().uncertain,
  )
  counter(
    'lost_events_total',
    'Events given up because the disk failed and the memory for them was full.',
    () => figures().lost,
  )
}
