import { CompiledQuery } from 'kysely'
import type { StoredPosition } from './outcome.ts'
import { type Column, manyRows } from './rows.pg.ts'

/** Whose position: a projection and its version, which a rebuild raises. */
export interface Owner {
  readonly projection: string
  readonly version: number
}

export interface Checkpoint extends Owner {
  readonly stream: string
  readonly sequence: number
  readonly eventTimeMs: number | null
}

export function createCheckpoints(owner: Owner, streams: readonly string[]): CompiledQuery {
  return CompiledQuery.raw(
    `insert into projection_checkpoints (projection, version, stream, sequence, updated_at)
     select $1, $2, stream, 0, now() from unnest($3::text[]) as input (stream)
     on conflict do nothing`,
    [owner.projection, owner.version, `{${streams.join(',')}}`],
  )
}

/** Versions of the projection other than this one that have positions here. */
export function otherVersions(owner: Owner): CompiledQuery<{ version: number }> {
  return CompiledQuery.raw(
    `select distinct version from projection_checkpoints where projection = $1 and version <> $2`,
    [owner.projection, owner.version],
  ) as CompiledQuery<{ version: number }>
}

/** All rows of one owner, always in one order: what makes projections of the same owner take turns. */
export function lockCheckpoints(owner: Owner): CompiledQuery<{ stream: string; sequence: number }> {
  return CompiledQuery.raw(
    `select stream, sequence from projection_checkpoints
     where projection = $1 and version = $2 order by stream for update`,
    [owner.projection, owner.version],
  ) as CompiledQuery<{ stream: string; sequence: number }>
}

export function selectCheckpoints(owner: Owner): CompiledQuery<StoredPosition & { stream: string }> {
  return CompiledQuery.raw(
    `select stream, sequence, event_time as "eventTimeMs", stream_created as created
     from projection_checkpoints where projection = $1 and version = $2`,
    [owner.projection, owner.version],
  ) as CompiledQuery<StoredPosition & { stream: string }>
}

/** Writes down which stream a position belongs to, where that is not known yet. */
export function identifyCheckpoint(owner: Owner, stream: string, created: string): CompiledQuery {
  return CompiledQuery.raw(
    `update projection_checkpoints set stream_created = $4
     where projection = $1 and version = $2 and stream = $3 and stream_created is null`,
    [owner.projection, owner.version, stream, created],
  )
}

/** The projection reads this stream from its beginning. */
export function beginAnew(owner: Owner, stream: string, created: string): CompiledQuery {
  return CompiledQuery.raw(
    `update projection_checkpoints set sequence = 0, stream_created = $4, updated_at = now()
     where projection = $1 and version = $2 and stream = $3`,
    [owner.projection, owner.version, stream, created],
  )
}

const COLUMNS: ReadonlyArray<Column<Checkpoint>> = [
  { name: 'projection', type: 'text', of: row => row.projection },
  { name: 'version', type: 'integer', of: row => row.version },
  { name: 'stream', type: 'text', of: row => row.stream },
  { name: 'sequence', type: 'bigint', of: row => row.sequence },
  { name: 'event_time', type: 'time', of: row => row.eventTimeMs },
]

export const moveCheckpoints = manyRows(
  COLUMNS,
  source => `update projection_checkpoints as old
    set sequence = new.sequence, event_time = new.event_time, updated_at = now()
    from (${source}) as new
    where (old.projection, old.version, old.stream) = (new.projection, new.version, new.stream)`,
)

interface Head {
  readonly stream: string
  readonly sequence: number
  readonly atMs: number
}

const HEAD_COLUMNS: ReadonlyArray<Column<Head>> = [
  { name: 'stream', type: 'text', of: row => row.stream },
  { name: 'sequence', type: 'bigint', of: row => row.sequence },
  { name: 'seen_at', type: 'time', of: row => row.atMs },
]

export const upsertHeads = manyRows(
  HEAD_COLUMNS,
  (source, names) => `insert into projection_heads (${names}) ${source}
    on conflict (stream) do update set sequence = excluded.sequence, seen_at = excluded.seen_at`,
)
