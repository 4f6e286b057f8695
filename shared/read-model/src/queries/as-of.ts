import type { Database } from '../database.ts'

/** How far the projection had come: every answer from these tables is as of then. */
export interface AsOf {
  readonly projection: string
  readonly version: number
  /** JetStream stream name. */
  readonly stream: string
  /** Position of the last message that the tables hold. */
  readonly sequence: number
  /** Time of the last event, epoch milliseconds; null before the first. */
  readonly eventAt: number | null
  /** When the position was stored, epoch milliseconds. */
  readonly updatedAt: number
}

export async function asOf(db: Database): Promise<AsOf[]> {
  return db
    .selectFrom('projection_checkpoints')
    .select([
      'projection',
      'version',
      'stream',
      'sequence',
      'event_time as eventAt',
      'updated_at as updatedAt',
    ])
    .orderBy('projection')
    .orderBy('version')
    .orderBy('stream')
    .execute()
}
