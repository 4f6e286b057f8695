import { CompiledQuery } from 'kysely'
import type { Wanted } from './fold.ts'
import { type Column, manyRows, textArray } from './rows.pg.ts'
import type { ThrottleRow } from './throttles.ts'

/** Rows of these ids, and the active ones of these identities. Times come as epoch milliseconds. */
export function selectThrottles({ ids, users, keys }: Wanted['throttles']): CompiledQuery<ThrottleRow> {
  return CompiledQuery.raw(
    `select id, user_id as "user", key_id as "key", state, capacity, refill_rate as "refillRate", rule, reason, actor,
       end_streams as "endStreams", incident_id as incident, imposed_at as "imposedAtMs", until as "untilMs", ended_at as "endedAtMs",
       ended_by as "endedBy", end_reason as "endReason", sequence
     from throttles
     where id = any($1::text[])
       or state = 'active' and (user_id, key_id) in (select * from unnest($2::text[], $3::text[]))`,
    [textArray(ids), textArray(users), textArray(keys)],
  ) as CompiledQuery<ThrottleRow>
}

const COLUMNS: ReadonlyArray<Column<ThrottleRow>> = [
  { name: 'id', type: 'text', of: row => row.id },
  { name: 'user_id', type: 'text', of: row => row.user },
  { name: 'key_id', type: 'text', of: row => row.key },
  { name: 'state', type: 'text', of: row => row.state },
  { name: 'capacity', type: 'float8', of: row => row.capacity },
  { name: 'refill_rate', type: 'float8', of: row => row.refillRate },
  { name: 'rule', type: 'text', of: row => row.rule },
  { name: 'reason', type: 'text', of: row => row.reason },
  { name: 'actor', type: 'text', of: row => row.actor },
  { name: 'end_streams', type: 'boolean', of: row => row.endStreams },
  { name: 'incident_id', type: 'text', of: row => row.incident },
  { name: 'imposed_at', type: 'time', of: row => row.imposedAtMs },
  { name: 'until', type: 'time', of: row => row.untilMs },
  { name: 'ended_at', type: 'time', of: row => row.endedAtMs },
  { name: 'ended_by', type: 'text', of: row => row.endedBy },
  { name: 'end_reason', type: 'text', of: row => row.endReason },
  { name: 'sequence', type: 'bigint', of: row => row.sequence },
]

const upsert = manyRows(
  COLUMNS,
  (source, names) => `insert into throttles (${names}) ${source}
    on conflict (id) do update set state = excluded.state, ended_at = excluded.ended_at,
      ended_by = excluded.ended_by, end_reason = excluded.end_reason`,
)

/** Ended ones first: an identity may have one active throttle at a time. */
export function upsertThrottles(rows: readonly ThrottleRow[]): CompiledQuery[] {
  const ended = rows.filter(row => row.state !== 'active')
  const active = rows.filter(row => row.state === 'active')
  return [ended, active].filter(part => part.length > 0).map(upsert)
}
