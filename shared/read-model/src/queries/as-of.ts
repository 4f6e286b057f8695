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
  /** When the projection last looked how far the stream goes, epoch milliseconds; old while it is away. */
  readonly seenAt: number | null
  /** Messages that were not in the tables then, and how far behind that was in time. Null before the first look. */
  readonly lagMessages: number | null
  readonly lagMs: number | null
}

export async function asOf(db: Database): Promise<AsOf[]> {
  const rows = await db
    .selectFrom('projection_checkpoints as at')
    .leftJoin('projection_heads as head', 'head.stream', 'at.stream')
    .select(['at.projection', 'at.version', 'at.stream', 'at.sequence'])
    .select(['at.event_time as eventAt', 'at.updated_at as updatedAt'])
    .select(['head.sequence as headSequence', 'head.seen_at as seenAt'])
    .orderBy('at.projection')
    .orderBy('at.version')
    .orderBy('at.stream')
    .execute()
  return rows.map(({ headSequence, ...row }) => ({ ...row, ...lagOf(row, headSequence) }))
}

function lagOf(
  { sequence, eventAt, seenAt }: Pick<AsOf, 'sequence' | 'eventAt' | 'seenAt'>,
  headSequence: number | null,
): Pick<AsOf, 'lagMessages' | 'lagMs'> {
  if (headSequence === null || seenAt === null) return { lagMessages: null, lagMs: null }
  const lagMessages = Math.max(0, headSequence - sequence)
  return { lagMessages, lagMs: lagMessages === 0 ? 0 : Math.max(0, seenAt - (eventAt ?? 0)) }
}
