import { createHash } from 'node:crypto'
import { type Database, readMigrations, runScript, type Tables } from '@fluxgate/read-model'
import { CompiledQuery, type Kysely, type Transaction } from 'kysely'
import type { Owner } from './checkpoints.pg.ts'

/** Where a rebuild makes its tables. */
export const REBUILD_SCHEMA = 'projection_rebuild'
const REPLACED_SCHEMA = 'projection_replaced'
/** Readers queue behind a swap that waits: it gives up soon, and is tried again. */
const LOCK_WAIT = '2s'

/** Stream → live and rebuilt position. */
export type Positions = ReadonlyMap<string, { readonly live: number; readonly rebuilt: number }>

/**
 * Makes empty tables beside the live ones, out of the same migrations, or finds those of a rebuild that did not finish:
 * their checkpoints say where it goes on. What another version of the fold or of the tables has left goes.
 */
export async function prepareRebuild(db: Database, owner: Owner): Promise<'begun' | 'resumed'> {
  const migrations = (await readMigrations()).filter(isOfProjections)
  const hash = createHash('sha256').update(migrations.map(({ text }) => text).join('\n'))
  const mark = `${owner.projection} ${owner.version} ${hash.digest('hex')}`
  return db.transaction().execute(async trx => {
    const [left] = await runScript(
      trx,
      `select obj_description(to_regnamespace('${REBUILD_SCHEMA}')::oid, 'pg_namespace') as mark`,
    )
    if ((left as { mark: string | null }).mark === mark) return 'resumed'
    await runScript(trx, `drop schema if exists ${REBUILD_SCHEMA} cascade; create schema ${REBUILD_SCHEMA}`)
    await runScript(trx, `set local search_path to ${REBUILD_SCHEMA}`)
    for (const { text } of migrations) await runScript(trx, text)
    await runScript(trx, `comment on schema ${REBUILD_SCHEMA} is '${mark}'`)
    return 'begun'
  })
}

/** Migrations of projected tables are those named `<number>_projections…`. */
function isOfProjections({ name }: { name: string }): boolean {
  return /^\d+_projections/.test(name)
}

/**
 * Puts the rebuilt tables in the place of the live ones, in one transaction, if they are as far on; the live projection
 * waits meanwhile and then goes on with the new tables. Returns the positions, and whether the tables were swapped.
 * @param lost streams of which the live tables hold more than the log: for these nothing can catch up
 */
export async function trySwap(
  db: Database,
  owner: Owner,
  lost: ReadonlyMap<string, string>,
): Promise<{ swapped: boolean; positions: Positions }> {
  return db.transaction().execute(async trx => {
    await runScript(trx, `set local lock_timeout to '${LOCK_WAIT}'`)
    // The same first lock as the projection takes, so that neither waits for the other in a circle.
    const live = await positionsIn(trx, 'public', owner, 'for update')
    const rebuilt = await positionsIn(trx, REBUILD_SCHEMA, owner, 'for update')
    const positions = new Map(
      [...rebuilt].map(([stream, position]) => [stream, { live: live.get(stream) ?? 0, rebuilt: position }]),
    )
    const behind = [...positions].some(([stream, at]) => at.rebuilt < at.live && !lost.has(stream))
    if (behind || positions.size === 0) return { swapped: false, positions }
    await swap(trx)
    return { swapped: true, positions }
  })
}

async function swap(trx: Transaction<Tables>): Promise<void> {
  await runScript(trx, `drop schema if exists ${REPLACED_SCHEMA} cascade; create schema ${REPLACED_SCHEMA}`)
  const rebuilt = await tablesIn(trx, REBUILD_SCHEMA)
  const live = new Set(await tablesIn(trx, 'public'))
  const replaced = rebuilt.filter(name => live.has(name))
  const grants: string[] = []
  for (const name of replaced) grants.push(...(await grantsOn(trx, name)))
  const days = (await daysOf(trx)).filter(name => !replaced.includes(name))
  for (const name of [...replaced, ...days]) {
    await runScript(trx, `alter table public.${name} set schema ${REPLACED_SCHEMA}`)
  }
  for (const name of rebuilt) await runScript(trx, `alter table ${REBUILD_SCHEMA}.${name} set schema public`)
  for (const grant of grants) await runScript(trx, grant)
  await runScript(trx, `drop schema ${REPLACED_SCHEMA} cascade; drop schema ${REBUILD_SCHEMA}`)
  // Views on the old tables have gone with them.
  await runScript(trx, 'select make_read_views()')
}

async function tablesIn(trx: Transaction<Tables>, schema: string): Promise<string[]> {
  return names(
    await runScript(
      trx,
      `select relname as name from pg_class
       where relnamespace = '${schema}'::regnamespace and relkind in ('r', 'p') order by 1`,
    ),
  )
}

/** Partitions of the live requests: a rebuild need not have the same days. */
async function daysOf(trx: Transaction<Tables>): Promise<string[]> {
  return names(
    await runScript(
      trx,
      `select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
       where inhparent = 'public.requests'::regclass order by 1`,
    ),
  )
}

function names(rows: unknown[]): string[] {
  return rows.map(row => (row as { name: string }).name)
}

/** Stream → position, of any version of the projection. */
export async function positionsIn(
  db: Kysely<Tables>,
  schema: string,
  owner: Owner,
  lock: 'for update' | '' = '',
): Promise<Map<string, number>> {
  const { rows } = await db.executeQuery(
    CompiledQuery.raw(
      `select stream, sequence from ${schema}.projection_checkpoints where projection = $1
       order by version, stream ${lock}`,
      [owner.projection],
    ) as CompiledQuery<{ stream: string; sequence: number }>,
  )
  return new Map(rows.map(row => [row.stream, row.sequence]))
}

/** Stream → when it was made that the live tables were folded from; null where that is not known. */
export async function foldedStreams(db: Kysely<Tables>, owner: Owner): Promise<Map<string, string | null>> {
  const { rows } = await db.executeQuery(
    CompiledQuery.raw(
      `select stream, to_jsonb(at) ->> 'stream_created' as created
       from public.projection_checkpoints as at where projection = $1`,
      [owner.projection],
    ) as CompiledQuery<{ stream: string; created: string | null }>,
  )
  return new Map(rows.map(({ stream, created }) => [stream, created]))
}

/** Statements that give a table made anew what others were granted on the old one. */
async function grantsOn(trx: Transaction<Tables>, table: string): Promise<string[]> {
  const { rows } = await trx.executeQuery(
    CompiledQuery.raw(
      `select format('grant %s on public.%I to %I', privilege_type, table_name, grantee) as text
       from information_schema.role_table_grants
       where table_schema = 'public' and table_name = $1 and grantee <> grantor order by 1`,
      [table],
    ) as CompiledQuery<{ text: string }>,
  )
  return rows.map(row => row.text)
}
