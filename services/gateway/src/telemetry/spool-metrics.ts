import { expose, type Registry } from '@fluxgate/runtime'
import type { OtherSpools, SpoolFigures } from '../spool/index.ts'

/** What is read of a spool at each scrape. */
export interface SpoolReading {
  readonly figures: SpoolFigures
  /** Events that are not sent yet. */
  readonly waiting: number
}

/** Spools of other processes in the same data directory, as of the last look. */
export type OthersReading = () => OtherSpools

/** The spool's figures for Prometheus. */
export function spoolMetrics(registry: Registry, spool: SpoolReading, others: OthersReading): void {
  const one = (type: 'counter' | 'gauge') => (name: string, help: string, read: () => number) =>
    expose(registry, type, { name: `fluxgate_spool_${name}`, help }, () => [[{}, read()]])
  const gauge = one('gauge')
  const counter = one('counter')

  gauge('bytes', 'Bytes of all spool segments on disk.', () => spool.figures.bytes)
  gauge('waiting', 'Events in the spool that are not sent yet.', () => spool.waiting)
  gauge(
    'oldest_seconds',
    'Age of the oldest event that is not sent yet.',
    () => spool.figures.oldestMs / 1_000,
  )
  gauge('others_alive', 'Spools of other living nodes in the same data directory.', () => others().alive)
  gauge(
    'others_dead',
    'Spools of dead nodes in the same data directory that no node has taken over yet.',
    () => others().dead,
  )
  counter('commits_total', 'Batches written to the spool.', () => spool.figures.commits)
  counter(
    'commit_seconds_total',
    'Time spent writing (and syncing) batches.',
    () => spool.figures.commitMs / 1_000,
  )
  counter('faults_total', 'Times the spool took no events, or failed otherwise.', () => spool.figures.faults)
  counter(
    'damaged_bytes_total',
    'Bytes of dead spools that could not be read.',
    () => spool.figures.damagedBytes,
  )
  counter(
    'found_total',
    'Events of dead nodes that their streams held already.',
    () => spool.figures.alreadyStored,
  )
  counter(
    'uncertain_commits_total',
    'Answers ended before their events were known to be safe, because the disk and the streams were both late.',
    () => spool.figures.uncertain,
  )
  counter(
    'lost_events_total',
    'Events given up because the disk failed and the memory for them was full.',
    () => spool.figures.lost,
  )
}
